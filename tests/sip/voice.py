#!/usr/bin/env python3
"""A robot that listens, on a real telephone: `make voice-demo`.

    callwright services -- tests/sip/voice.py      (with a Python that has pjsua2 and numpy)

The processes of the Procfile call a phone of pjsua2 over SIP and RTP. The phone says recorded sentences (espeak-ng); the robot
hears them by pocketsphinx and answers by its script. What was said, the interaction log as a waterfall, and the recording are shown,
and kept in target/voice-demo. It ends with 0 when every sentence was heard as it was said, has its answer, and no step of a
turn is missing.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import wave

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from phones import RATE, free_udp_port  # noqa: E402
from server import CALLWRIGHT, COURIER, ROOT, Server, wait_for  # noqa: E402

WORKERS = (("sweep", "step"), ("dial", "redial"), COURIER)
OPENING = "Hello, this is the garage. Would you like to book an appointment?"
# What the customer says, when (seconds after the answer), its intent, and the robot's answer. The times leave room for the answers.
TURNS = (
    (7.0, "yes please book an appointment", "books", "Which day suits you?"),
    (14.0, "monday morning would be fine", "day", "Monday morning it is. Anything else?"),
    (22.0, "that is all thank you very much", "bye", "Thank you, and goodbye."),
)
SECONDS = 40
# Each turn has these steps in its log, in this order.
STEPS = ("speech_started", "voice_paused", "asr_result", "agent_request", "agent_reply", "tts", "playback_start", "playback_stop")
# Calls at most; one of them must go well. A phone on a machine that is busy with other things stutters by itself.
CALLS_MAX = 3
# From the customer's last word to the robot's first, of which most is the configured silence.
ANSWER_MS_MAX = 5_000


def spoken(text, folder):
    """A text as samples at 8 kHz."""
    path = pathlib.Path(folder, "spoken.wav")
    subprocess.run(["espeak-ng", "-v", "en-us", "-s", "150", "-w", path, text], check=True)
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    moments = numpy.arange(0, len(samples) / rate, 1 / RATE)
    return numpy.interp(moments, numpy.arange(len(samples)) / rate, samples)


def script(folder):
    """The WAV that the phone plays: each sentence at its time."""
    whole = numpy.zeros(SECONDS * RATE)
    for at, text, _, _ in TURNS:
        samples = spoken(text, folder)
        begin = int(at * RATE)
        whole[begin:begin + len(samples)] = samples
    path = pathlib.Path(folder, "customer.wav")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", None))
        file.writeframes(whole.astype("<i2").tobytes())
    return path


def robot():
    intents = [
        {"name": intent, "keywords": [text], "reply": answer + (" #Hangup#" if intent == "bye" else "")}
        for _, text, intent, answer in TURNS
    ]
    return {
        "name": "Anna", "opening": OPENING,
        "agent": {"kind": "scripted", "intents": intents, "fallback": ["Sorry, I did not get that."]},
        "turn": {"end_of_speech_ms": 800, "no_input": {"enabled": False}},
    }


def call(server, folder):
    port, says = free_udp_port(), script(folder)
    phone = subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).with_name("phone.py"), "--port", str(port), "--says", says,
         "--said", pathlib.Path(folder, "said.wav"), "--hears", pathlib.Path(folder, "hears.wav")],
        stdout=subprocess.PIPE, text=True)
    try:
        assert any("ready" in line for line in phone.stdout), "no phone"
        sip = {"hosts": [{"host": "127.0.0.1", "port": port}], "options_seconds": None}
        trunk = server.post("/v1/trunks", {"name": f"phone {port}", "driver": "sip", "concurrency": 1, "sip": sip})["id"]
        caller = server.post("/v1/caller_ids", {"trunk": trunk, "phone": f"+862155501{port % 1000:03}"})["id"]
        anna = server.post("/v1/robots", {**robot(), "name": f"Anna {port}"})["id"]
        flow = {"name": f"talk {port}", "start": "talk", "nodes": [{"name": "talk", "kind": "agent", "robot": anna}]}
        navigation = server.post("/v1/navigations", flow)["id"]
        server.post(f"/v1/navigations/{navigation}/publish", {})
        task = server.post("/v1/tasks", {
            "name": f"voice {port}", "concurrency": 1, "navigation": navigation, "caller_ids": [caller], "recording": True,
            "redial": {"enabled": False}})["id"]
        server.post(f"/v1/tasks/{task}/imports?batch_name=all&start=auto", {"numbers": [{"phone_number": "13500000001"}]},
                    {"Idempotency-Key": f"voice-{port}"})
        record = wait_for("the call", lambda: server.get(f"/v1/records?task={task}")["data"])[0]
        wait_for("the recording", lambda: server.get(f"/v1/records/{record['id']}")["recording_state"] == "ready")
        talk = server.get(f"/v1/records/{record['id']}/conversation")
        return record, talk, server.fetch(f"/v1/records/{record['id']}/recording")
    finally:
        phone.kill()
        phone.wait()


def waterfall(log):
    """Each step of the log with its time, and a bar of how long after the one before it came."""
    before = 0
    for entry in log:
        after = entry["at_ms"] - before
        before = entry["at_ms"]
        bar = "▏" if after < 20 else "█" * min(40, 1 + after // 100)
        detail = entry.get("detail", "")
        print(f"  {entry['at_ms']:>7} ms  {entry['kind']:<16} {bar:<40} {detail[:60]}")


def faults_of(record, talk):
    if record["result"] != "answered":
        yield f"the call was not answered: {record['result']}, {record['cause']}"
        return
    said = [line["text"] for line in talk["transcript"] if line["speaker"] == "customer"]
    robot_said = " ".join(line["text"] for line in talk["transcript"] if line["speaker"] == "robot")
    if said != [text for _, text, _, _ in TURNS]:
        yield f"the customer was heard to say {said}"
    for _, _, intent, answer in TURNS:
        if answer not in robot_said:
            yield f"the robot did not say “{answer}”"
        if intent not in record["intent_tags"]:
            yield f"the intent “{intent}” is missing"
    # Each turn is what follows the beginning of a speech.
    log = talk["log"]
    begins = [at for at, entry in enumerate(log) if entry["kind"] == "asr_result" and entry.get("detail")]
    for asr in begins:
        start = max(at for at in range(asr) if log[at]["kind"] == "speech_started")
        steps = [entry["kind"] for entry in log[start:]]
        place = 0
        for step in STEPS:
            if step not in steps[place:]:
                yield f"the turn “{log[asr]['detail']}” has no {step}"
                break
            place += steps[place:].index(step)
        paused = [entry["at_ms"] for entry in log[start:asr] if entry["kind"] == "voice_paused"]
        played = [entry["at_ms"] for entry in log[asr:] if entry["kind"] == "playback_start"]
        if paused and played:
            after = played[0] - paused[-1]
            print(f"voice to voice: {after} ms for “{log[asr]['detail']}”")
            if after > ANSWER_MS_MAX:
                yield f"the answer to “{log[asr]['detail']}” came after {after} ms"


def main():
    tools = ROOT / "target/tools"
    os.environ.setdefault("CALLWRIGHT_MODELS", str(tools / "models"))
    os.environ.update(CALLWRIGHT_SIP_LISTEN=f"127.0.0.1:{free_udp_port()}", CALLWRIGHT_VOICE_PORTS="50000-59999")
    server = Server(1, WORKERS)
    faults = []
    kept = ROOT / "target/voice-demo"
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="callwright-voice-") as folder:
        try:
            for _ in range(CALLS_MAX):
                record, talk, recording = call(server, folder)
                (kept / "recording.wav").write_bytes(recording)
                (kept / "conversation.json").write_text(json.dumps(talk, indent=2))
                print("The conversation:")
                for line in talk["transcript"]:
                    print(f"  [{line['start_ms'] / 1000:6.2f} s] {line['speaker']:<8} {line['text']}")
                print("The interaction log:")
                waterfall(talk["log"])
                faults = list(faults_of(record, talk))
                if not faults:
                    break
            print(f"kept: {kept / 'recording.wav'} (left the customer, right the robot), {kept / 'conversation.json'}")
            proof = subprocess.run([CALLWRIGHT, "check-journal"], env=server.environment, capture_output=True, text=True)
            if proof.returncode:
                faults.append(f"the proof: {proof.stdout} {proof.stderr}")
        except AssertionError as error:
            faults.append(f"{error}: {server.told()}")
        finally:
            if faults:
                print(server.told(), file=sys.stderr)
            server.stop()
    for fault in faults:
        print(f"wrong: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
