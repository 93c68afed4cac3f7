#!/usr/bin/env python3
"""A stand-in for the Python that has Piper: it is called as that is, `python -c SCRIPT MODEL`, and leaves the script aside.
It speaks the frames that `speech/src/synthesisers/piper_voice.py` tells of, with faults: the first word of a text, or the
name of the voice, says which. What happens is written to the file `log` beside the voice."""

import json
import os
import queue
import struct
import sys
import threading
import time

model = sys.argv[3]
folder, name = os.path.split(model)
texts = queue.Queue()
stopped = 0


def log(*words):
    with open(os.path.join(folder, "log"), "a", encoding="utf-8") as file:
        file.write(" ".join(str(word) for word in words) + "\n")


def give(letter, body=b""):
    sys.stdout.buffer.write(letter + struct.pack("<I", len(body)) + body)
    sys.stdout.buffer.flush()


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
        log("ended", os.getpid())
        os._exit(0)


def speak(text, number):
    word = text.split()[0]
    level = struct.pack("<h", min(100 * len(text), 30000))
    if word == "crash":
        give(b"s", level * 2205)
        os._exit(3)
    if word == "rubbish":
        give(b"Traceback (most recent call last):\n")
    if word == "hang":
        time.sleep(3600)
    if word == "stall":
        give(b"s", level * 2205)
        time.sleep(3600)
    if word == "fail":
        return give(b"f", b"ValueError")
    if word == "silent":
        return give(b"e")
    frames = 3000 if word == "long" else len(text)
    for _ in range(frames):
        if stopped >= number:
            log("stopped", os.getpid())
            break
        # 60 ms of a level that tells how long the text is.
        give(b"s", level * 1323)
        if word == "long":
            time.sleep(0.002)
    give(b"e")


log("started", os.getpid(), name)
if "broken" in name:
    sys.exit(1)
if "slow" in name:
    time.sleep(1)
threading.Thread(target=read_lines, daemon=True).start()
give(b"r", struct.pack("<I", 22050))
log("ready", os.getpid())
while True:
    message = texts.get()
    speak(message["text"], message["id"])
