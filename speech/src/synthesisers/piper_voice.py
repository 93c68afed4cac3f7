"""Speaks with one Piper voice until its standard input ends.

The arguments are the voice's .onnx file. Lines of JSON come in: {"text": "...", "id": 1} is spoken, {"stop": 1} ends that
text behind the sentence that is being made. Frames go out: a letter, the length of what follows in 4 bytes (lowest first),
and that. r: ready, with the samples a second in 4 bytes; s: samples of 16 bits; e: the end of a text; f: the text failed,
with the kind of the error.
"""

import json
import os
import queue
import struct
import sys
import threading

FRAME_BYTES_MAX = 32768

# What a library prints must not come between the frames.
frames = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)

texts = queue.Queue()
stopped = 0


def give(letter, body=b""):
    frames.write(letter + struct.pack("<I", len(body)) + body)
    frames.flush()


def read_lines():
    global stopped
    try:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if "stop" in message:
                stopped = message["stop"]
            else:
                texts.put(message)
    finally:
        # The owner has gone, however it went.
        os._exit(0)


def load(model):
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig

    # One thread: several wait for each other by spinning, which took twice the processor's time and longer.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model, sess_options=options, providers=["CPUExecutionProvider"]
    )
    with open(model + ".json", encoding="utf-8") as file:
        return PiperVoice(session=session, config=PiperConfig.from_dict(json.load(file)))


def speak(voice, message):
    for chunk in voice.synthesize(message["text"]):
        samples = chunk.audio_int16_bytes
        for at in range(0, len(samples), FRAME_BYTES_MAX):
            if stopped >= message["id"]:
                return
            give(b"s", samples[at : at + FRAME_BYTES_MAX])


threading.Thread(target=read_lines, daemon=True).start()
voice = load(sys.argv[1])
give(b"r", struct.pack("<I", voice.config.sample_rate))
while True:
    message = texts.get()
    try:
        speak(voice, message)
        give(b"e")
    except BrokenPipeError:
        break
    except Exception as error:
        give(b"f", type(error).__name__.encode())
