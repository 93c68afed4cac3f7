#!/usr/bin/env python3
"""A campaign over SIP: `make sip-demo`, `make sip-demo NUMBERS=40`.

    callwright services -- python3 tests/sip/demo.py

The processes of the Procfile call numbers on SIP trunks, each of which is a sipp process that does something else: it answers,
hangs up, is busy, does not exist, rings for ever. It ends with 0 when every call ended as its trunk's phone does, every time
on a record is the one in sipp's own log (within 40 ms), every recording is there and as long as its call, the proof is clean,
and no port, file or task is left behind.
"""

import datetime
import io
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import wave

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from server import CALLWRIGHT, COURIER, ROOT, Server, wait_for  # noqa: E402

NUMBERS = int(os.environ.get("NUMBERS") or 200)
SLOTS = 40
RING_SECONDS = 5
# How far a time of ours may be from the one in sipp's log.
WITHIN_MS = 40
WORKERS = (("sweep", "step"), ("dial", "redial"), COURIER)


def refuses(code, reason, result, cause):
    words = {"progress": "183", "code": str(code), "extra": f"Reason: Q.850;cause={reason}" if reason else "X-Reason: none"}
    return "status", words, {"result": result, "sip_code": code, "q850_cause": reason, "cause": cause}


# What the phones of each trunk do: a scenario, its words, and what the records must say.
PHONES = {
    "answers": ("answers", {}, {"result": "answered", "sip_code": 200, "hangup_party": "system"}),
    "hangs up": ("hangs_up", {}, {"result": "answered", "sip_code": 200, "hangup_party": "customer"}),
    "busy": refuses(486, 17, "busy", ""),
    "switched off": refuses(480, 20, "power_off", ""),
    "unknown": refuses(404, None, "invalid_number", ""),
    "declines": refuses(603, None, "busy", ""),
    "rings": ("rings_for_ever", {}, {"result": "no_answer", "cause": "ring_timeout", "hangup_party": None}),
}


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


class Phones:
    """One sipp process, and what its log says of each call."""

    def __init__(self, name):
        scenario, words, self.expected = PHONES[name]
        self.folder = tempfile.TemporaryDirectory(prefix="callwright-sipp-")
        text = (ROOT / "telephony/tests/sipp" / f"{scenario}.xml").read_text()
        for word, value in words.items():
            text = text.replace(f"[{word}]", value)
        pathlib.Path(self.folder.name, "phones.xml").write_text(text)
        self.port = free_port()
        self.process = subprocess.Popen(
            ["sipp", "-sf", "phones.xml", "-i", "127.0.0.1", "-p", str(self.port), "-mp", str(free_port()), "-cp", str(free_port()),
             "-nostdin", "-timeout", "600", "-trace_shortmsg"],
            cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("sipp", self.listens)

    def listens(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            try:
                taken.bind(("127.0.0.1", self.port))
            except OSError:
                return True
        return False

    def stop(self):
        self.process.terminate()
        self.process.wait(30)

    def log(self):
        """Of each Call-ID: when it rang, was answered, and ended, in seconds since 1970."""
        calls = {}
        for file in pathlib.Path(self.folder.name).glob("*_shortmessages.log"):
            for line in file.read_text(errors="replace").splitlines():
                parts = line.split("\t")
                if len(parts) < 7:
                    continue
                epoch, direction, call_id, sequence, first = float(parts[2]), *parts[3:7]
                call, answers = calls.setdefault(call_id, {}), first.startswith("SIP/2.0 ")
                if answers and "INVITE" in sequence and direction == "S":
                    status = int(first.split()[1])
                    what = "ringing" if 180 <= status < 200 else "answered" if status < 300 else "ended"
                    if status >= 180:
                        call.setdefault(what, epoch)
                elif not answers and first.startswith(("BYE", "CANCEL")):
                    call.setdefault("ended", epoch)
        return calls


def seconds(text):
    return datetime.datetime.fromisoformat(text).timestamp()


def sockets(process):
    folder = pathlib.Path(f"/proc/{process.pid}/fd")
    return sum(os.readlink(link).startswith("socket:") for link in folder.iterdir() if link.is_symlink())


def campaign(server, phones):
    navigation = server.post("/v1/navigations", {"name": "word", "start": "word", "nodes": [
        {"name": "word", "kind": "play", "text": "Hello, this is a reminder of your appointment tomorrow.", "next": "end"},
        {"name": "end", "kind": "hangup"}]})["id"]
    server.post(f"/v1/navigations/{navigation}/publish", {})
    callers = {}
    for place, (name, phone) in enumerate(phones.items()):
        trunk = server.post("/v1/trunks", {
            "name": name, "driver": "sip", "concurrency": SLOTS, "codecs": ["pcma", "pcmu"] if place % 2 else ["pcmu", "pcma"],
            "sip": {"hosts": [{"host": "127.0.0.1", "port": phone.port}], "options_seconds": None}})["id"]
        shown = f"+86215550{place:04}"
        callers[shown] = name
        server.post("/v1/caller_ids", {"trunk": trunk, "phone": shown})
    ids = [caller["id"] for caller in server.get("/v1/caller_ids?limit=200")["data"]]
    task = server.post("/v1/tasks", {
        "name": "phones", "concurrency": SLOTS, "navigation": navigation, "caller_ids": ids, "rotation": "sequential",
        "ring_timeout_seconds": RING_SECONDS, "recording": True, "redial": {"enabled": False}})["id"]
    rows = [{"phone_number": f"135{place:08}"} for place in range(NUMBERS)]
    server.post(f"/v1/tasks/{task}/imports?batch_name=all&start=auto", {"numbers": rows}, {"Idempotency-Key": "all"})
    return task, callers


def records(server, task):
    found, cursor = [], ""
    while cursor is not None:
        page = server.get(f"/v1/records?task={task}&limit=200{f'&cursor={cursor}' if cursor else ''}")
        found += page["data"]
        cursor = page.get("next_cursor")
    return found


def main():
    # Its own ports, far from those of other tests.
    os.environ.update(CALLWRIGHT_SIP_LISTEN=f"127.0.0.1:{free_port()}", CALLWRIGHT_VOICE_PORTS="50000-59999")
    phones = {name: Phones(name) for name in PHONES}
    server = Server(1, WORKERS)
    faults = []
    try:
        dialer = server.processes[2]
        before = sockets(dialer)
        # Business time runs as fast as real time, so many seconds behind it.
        real, business = server.environment["CALLWRIGHT_CLOCK"].removesuffix("*1").split("=")
        behind = seconds(real.replace("Z", "+00:00")) - seconds(business.replace("Z", "+00:00"))
        began = time.monotonic()
        task, callers = campaign(server, phones)
        wait_for("every number to be called", lambda: len(records(server, task)) >= NUMBERS)
        took = time.monotonic() - began
        wait_for("every recording", lambda: all(
            record["recording_state"] in ("ready", None) for record in records(server, task)))
        found = records(server, task)
        logs = {name: phone.log() for name, phone in phones.items()}
        off = {"ringing": [], "answered": [], "ended": []}
        kept = 0
        for record in found:
            name = callers[record["outbound_number"]]
            wrong = {key: record.get(key) for key, right in phones[name].expected.items() if (record.get(key) or None) != (right or None)}
            if wrong:
                faults.append(f"{name}: {wrong}")
            log = logs[name].get(record["call_id"])
            if log is None:
                faults.append(f"{name}: sipp knows no call {record['call_id']}")
                continue
            for what, field in (("ringing", "ringing_at"), ("answered", "answered_at"), ("ended", "ended_at")):
                if what in log and record.get(field):
                    off[what].append(abs(seconds(record[field]) + behind - log[what]) * 1_000)
            if record["result"] == "answered":
                with wave.open(io.BytesIO(server.fetch(f"/v1/records/{record['id']}/recording"))) as recording:
                    lasts = recording.getnframes() / recording.getframerate() * 1_000
                    kept += recording.getnchannels() == 2
                talked = (seconds(record["ended_at"]) - seconds(record["answered_at"])) * 1_000
                if abs(lasts - talked) > WITHIN_MS:
                    faults.append(f"{name}: a recording of {lasts:.0f} ms of a call of {talked:.0f} ms")
        proof = subprocess.run([CALLWRIGHT, "check-journal"], env=server.environment, capture_output=True, text=True)
        if proof.returncode:
            faults.append(f"the proof: {proof.stdout} {proof.stderr}")
        spool = [file for file in pathlib.Path(server.folder.name, "spool").iterdir() if file.suffix in (".wav", ".part")]
        if spool:
            faults.append(f"{len(spool)} files are left in the spool")
        wait_for("the ports to be free", lambda: sockets(dialer) <= before + 12)
        for name in PHONES:
            calls = [record for record in found if callers[record["outbound_number"]] == name]
            print(f"{name}: {len(calls)} calls, {', '.join(sorted({str(record['result']) for record in calls}))}")
        for what, times in off.items():
            print(f"{what}_off_max {max(times):.1f} ms (of {len(times)}, median {sorted(times)[len(times) // 2]:.1f})")
            if max(times) > WITHIN_MS:
                faults.append(f"{what}: {max(times):.0f} ms off sipp's log")
        print(f"recordings {kept}")
        print(f"calls {len(found)} in {took:.1f} s")
    except AssertionError as error:
        faults.append(f"{error}: {server.told()}")
    finally:
        server.stop()
        for phone in phones.values():
            phone.stop()
    for fault in faults[:20]:
        print(f"wrong: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
