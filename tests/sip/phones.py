#!/usr/bin/env python3
"""Calls to real phones: `make sip-phones`.

    callwright services -- tests/sip/phones.py      (with a Python that has pjsua2 and numpy)

The processes of the Procfile call a phone of pjsua2, by UDP with plain RTP, and by TLS with SRTP. Phone and robot both speak
(espeak-ng). It ends with 0 when our recording holds the phone's words on the customer's channel and the phone heard the robot's,
and when both agree on when each was said.
"""

import io
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import wave

import numpy

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from server import CALLWRIGHT, COURIER, Server, free_port, wait_for  # noqa: E402

WORKERS = (("sweep", "step"), ("dial", "redial"), COURIER)
RATE = 8_000
PHONE_SAYS = "Good morning. I have waited for your call since yesterday, so please go on."
ROBOT_SAYS = "Hello, this is a reminder of your appointment tomorrow at half past nine in the main building."
# How far the two accounts may be apart: by as much as a phone takes to put a frame of 20 ms together, and to play one.
WITHIN_MS = 40
# Calls of a kind; one of them must go well.
CALLS_MAX = 3
# Correlation of what was said with what was recorded; other speech is below 0.2.
HEARD_MIN = 0.6


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def channels(data):
    """The channels of a WAV as rows of samples."""
    with wave.open(io.BytesIO(data)) as file:
        assert file.getframerate() == RATE, f"a recording of {file.getframerate()} Hz"
        samples = numpy.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
        return samples.reshape(-1, file.getnchannels()).T


def find(said, recorded):
    """Where in a recording something was said, in ms, and how alike the two are, 0 to 1."""
    size = 1 << (len(said) + len(recorded)).bit_length()
    product = numpy.fft.irfft(numpy.fft.rfft(recorded, size) * numpy.conj(numpy.fft.rfft(said, size)), size)
    # What was said may have begun before the recording.
    earliest = len(said) - 1
    lags = numpy.concatenate([product[size - earliest:], product[:len(recorded)]])
    place = int(numpy.argmax(lags)) - earliest
    part = recorded[max(place, 0):place + len(said)]
    whole = said[max(-place, 0):max(-place, 0) + len(part)]
    alike = numpy.dot(part, whole) / (numpy.linalg.norm(part) * numpy.linalg.norm(whole) + 1)
    return place * 1_000 / RATE, float(alike)


def speech(text, folder):
    """A WAV of a text, 8 kHz, after a second of silence."""
    spoken = subprocess.run(["espeak-ng", "-v", "en+f3", "--stdout", text], capture_output=True, check=True).stdout
    with wave.open(io.BytesIO(spoken)) as file:
        # Its header tells no length when it writes to a pipe.
        rate, samples = file.getframerate(), numpy.frombuffer(spoken[44:], "<i2").astype(float)
    moments = numpy.arange(0, len(samples) / rate, 1 / RATE)
    slow = numpy.interp(moments, numpy.arange(len(samples)) / rate, samples)
    path = pathlib.Path(folder, "says.wav")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", None))
        file.writeframes(numpy.concatenate([numpy.zeros(RATE), slow]).astype("<i2").tobytes())
    return path


def certificate(folder):
    """A certificate of the phone's own, and the same with its key."""
    key, cert, both = (pathlib.Path(folder, name) for name in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=phone.example",
         "-addext", "subjectAltName=DNS:phone.example", "-addext", "basicConstraints=critical,CA:FALSE",
         "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    both.write_text(cert.read_text() + key.read_text())
    return cert, both


def call(server, folder, secure):
    """One call; gives the record's recording, those of the phone, and what the phone had to say."""
    name = "TLS with SRTP" if secure else "UDP with RTP"
    says, said, hears = speech(PHONE_SAYS, folder), pathlib.Path(folder, "said.wav"), pathlib.Path(folder, "hears.wav")
    port = free_port() if secure else free_udp_port()
    sip = {"hosts": [{"host": "127.0.0.1", "port": port}], "options_seconds": None}
    more = []
    if secure:
        cert, both = certificate(folder)
        more = ["--tls", str(both)]
        sip |= {"transport": "tls", "server_name": "phone.example", "certificates": cert.read_text(), "srtp": "required"}
    phone = subprocess.Popen(
        [sys.executable, pathlib.Path(__file__).with_name("phone.py"), "--port", str(port), "--says", says, "--said", said,
         "--hears", hears, *more],
        stdout=subprocess.PIPE, text=True)
    try:
        assert any("ready" in line for line in phone.stdout), f"{name}: no phone"
        trunk = server.post("/v1/trunks", {"name": f"{name} {port}", "driver": "sip", "concurrency": 1, "sip": sip})["id"]
        caller = server.post("/v1/caller_ids", {"trunk": trunk, "phone": f"+862155501{port % 1000:03}"})["id"]
        task = server.post("/v1/tasks", {
            "name": f"{name} {port}", "concurrency": 1, "navigation": server.navigation, "caller_ids": [caller], "recording": True,
            "redial": {"enabled": False}})["id"]
        server.post(f"/v1/tasks/{task}/imports?batch_name=all&start=auto", {"numbers": [{"phone_number": "13500000001"}]},
                    {"Idempotency-Key": f"call-{port}"})
        record = wait_for("the call", lambda: server.get(f"/v1/records?task={task}")["data"])[0]
        assert record["result"] == "answered", f"{name}: {record}"
        wait_for("the recording", lambda: server.get(f"/v1/records/{record['id']}")["recording_state"] == "ready")
        assert phone.wait(30) == 0, f"{name}: the phone saw no end of its call"
        ours = channels(server.fetch(f"/v1/records/{record['id']}/recording"))
        return name, ours, *(channels(path.read_bytes())[0] for path in (hears, said, says))
    finally:
        phone.kill()
        phone.wait()


def faults_of(name, ours, heard, said, says):
    customer, robot = ours
    words = numpy.trim_zeros(robot)
    robot_here, phone_there = robot.nonzero()[0][0] * 1_000 / RATE, find(says, said)[0]
    (phone_here, phone_heard), (robot_there, robot_heard) = find(says, customer), find(words, heard)
    crossed = find(says, robot)[1]
    # What lies between the first words of the two, by the phone's account and by ours: the way there and back.
    apart = (robot_there - phone_there) - (robot_here - phone_here)
    print(f"{name}: our recording holds the phone's words by {phone_heard:.2f} (by {crossed:.2f} on the robot's channel), "
          f"the phone heard the robot's by {robot_heard:.2f}, {apart:.1f} ms apart")
    for who, alike in (("the phone", phone_heard), ("the robot", robot_heard)):
        if alike < HEARD_MIN:
            yield f"{name}: what {who} said was heard by {alike:.2f} only"
    if crossed > HEARD_MIN:
        yield f"{name}: the phone's words are on the robot's channel"
    if abs(apart) > WITHIN_MS:
        yield f"{name}: what was said is {apart:.1f} ms apart in the two recordings"


def main():
    os.environ.update(CALLWRIGHT_SIP_LISTEN=f"127.0.0.1:{free_udp_port()}", CALLWRIGHT_VOICE_PORTS="50000-59999")
    server = Server(1, WORKERS)
    faults = []
    with tempfile.TemporaryDirectory(prefix="callwright-phones-") as folder:
        try:
            server.navigation = server.post("/v1/navigations", {"name": "word", "start": "word", "nodes": [
                {"name": "word", "kind": "play", "text": ROBOT_SAYS, "next": "end"}, {"name": "end", "kind": "hangup"}]})["id"]
            server.post(f"/v1/navigations/{server.navigation}/publish", {})
            for secure in (False, True):
                for left in reversed(range(CALLS_MAX)):
                    wrong = list(faults_of(*call(server, folder, secure)))
                    # A phone on a machine that is busy with other things stutters by itself.
                    if not wrong or left == 0:
                        break
                faults += wrong
            proof = subprocess.run([CALLWRIGHT, "check-journal"], env=server.environment, capture_output=True, text=True)
            if proof.returncode:
                faults.append(f"the proof: {proof.stdout} {proof.stderr}")
        except AssertionError as error:
            faults.append(f"{error}: {server.told()}")
        finally:
            server.stop()
    for fault in faults:
        print(f"wrong: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
