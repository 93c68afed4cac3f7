#!/usr/bin/env python3
"""Two enterprises on one installation; one does its worst within its rights, and the other is measured.

    callwright services -- python3 tests/attacks/neighbour.py

The quiet one calls the same numbers twice: alone, and beside its neighbour. Its list of records is read ten times a
second meanwhile. The neighbour's keys ask for the heaviest scripts that are allowed and for some that are not, import,
search, export, fail to log in, keep connections open, and call with all their slots. It ends with 1 when the list's
p99 is over twice as long, the dial rate falls by more than a fifth, or a call ends as it would not have. The processes are
those of the Procfile, the courier as nice as its systemd unit has it. The neighbour is a process of its own, so that it shares
no interpreter with the one that measures. `NEIGHBOUR="imports lists"` lets the neighbour do these
alone, to see what is felt of each; it always calls.
"""

import http.client
import json
import multiprocessing
import os
import pathlib
import socket
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from server import COURIER, Server  # noqa: E402

NUMBERS = 300
SLOTS = 40
# Business seconds in a second.
FASTER = 1
# The Procfile's lines, beside the API.
WORKERS = (("sweep", "step"), ("dial", "redial"), COURIER)
LIST_EVERY_SECONDS = 0.1
# The heaviest script that is allowed: 150,000 states by the estimate.
HEAVY = r"(?i)\w{40}0"
# What must hold, beside a neighbour against alone.
P99_TIMES_MAX, RATE_MIN = 2.0, 0.8


class Tenant:
    def __init__(self, server, name):
        self.server = server
        self.keys = [server.run("seed", name).strip()]

    def ask(self, method, path, body=None, key=0, headers=None, connection=None):
        own = connection or http.client.HTTPConnection(self.server.url.removeprefix("http://"), timeout=60)
        headers = {"Authorization": f"Bearer {self.keys[key % len(self.keys)]}", **(headers or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        own.request(method, path, body, headers)
        reply = own.getresponse()
        text = reply.read()
        if connection is None:
            own.close()
        return reply.status, json.loads(text) if text else None

    def made(self, path, body, headers=None):
        status, reply = self.ask("POST", path, body, headers=headers)
        assert status < 300, f"POST {path}: {status} {reply}"
        return reply.get("id")

    def furnish(self, slots, robot=None):
        trunk = self.made("/v1/trunks", {"name": "line", "concurrency": slots, "breaker": {"enabled": False}})
        caller = self.made("/v1/caller_ids", {"trunk": trunk, "phone": "+862155500101"})
        nodes = [{"name": "word", "kind": "play", "text": "Hello, this is a reminder.", "next": "end"}]
        if robot:
            nodes.insert(0, {"name": "talk", "kind": "agent", "robot": robot, "next": "end"})
        flow = {"name": "word", "start": nodes[0]["name"], "nodes": [*nodes[:1], {"name": "end", "kind": "hangup"}]}
        navigation = self.made("/v1/navigations", flow)
        self.made(f"/v1/navigations/{navigation}/publish", {})
        self.config = {"concurrency": slots, "navigation": navigation, "caller_ids": [caller], "redial": {"enabled": False}}

    def task(self, name):
        return self.made("/v1/tasks", {"name": name, **self.config})

    def load(self, task, name, first, count):
        rows = [{"phone_number": f"135{first + place:08}"} for place in range(count)]
        path = f"/v1/tasks/{task}/imports?batch_name={name}&start=auto"
        return self.ask("POST", path, {"numbers": rows}, headers={"Idempotency-Key": f"{name}-{time.time()}"})


def script(patterns, count, name):
    intents = [{"name": f"intent {n}", "patterns": patterns, "reply": "Fine."} for n in range(count)]
    return {"name": name, "agent": {"kind": "scripted", "intents": intents, "fallback": ["Pardon?"]}}


class Phase:
    """The quiet one's campaign, once, and its list meanwhile."""

    def __init__(self, quiet, name):
        self.waits = []
        task = quiet.task(name)
        connection = http.client.HTTPConnection(quiet.server.url.removeprefix("http://"), timeout=60)
        begun = time.monotonic()
        assert quiet.load(task, name, 0, NUMBERS)[0] < 300
        while True:
            asked = time.monotonic()
            status, page = quiet.ask("GET", "/v1/records?limit=50", connection=connection)
            self.waits.append(time.monotonic() - asked)
            assert status == 200, page
            if len(self.waits) % 10 == 0:
                progress = quiet.ask("GET", f"/v1/tasks/{task}/progress")[1]
                waits = sum(progress["numbers"].get(state, 0) for state in ("pending", "waiting", "calling"))
                if progress["total"] == NUMBERS and not waits:
                    break
            time.sleep(max(0, LIST_EVERY_SECONDS - (time.monotonic() - asked)))
        self.rate = NUMBERS / (time.monotonic() - begun)
        self.ends = {}
        cursor = ""
        while cursor is not None:
            path = f"/v1/records?task={task}&limit=200{f'&cursor={cursor}' if cursor else ''}"
            page = quiet.ask("GET", path)[1]
            for record in page["data"]:
                ended = record["result"], record["called_status"], record["cause"]
                self.ends.setdefault(record["customer_number"], []).append(ended)
            cursor = page.get("next_cursor")

    def wait(self, percent):
        """What so many of the list's answers took at most, in seconds."""
        return sorted(self.waits)[len(self.waits) * percent // 100]


class Neighbour:
    """What an enterprise may do to be felt by another."""

    def __init__(self, tenant):
        self.tenant, self.over = tenant, multiprocessing.Event()
        self.counts, self.threads, self.open = {}, [], []

    def act(self, begun, counts):
        """In a process of its own, until it is over. It gives way to the servers, as a client elsewhere would."""
        os.nice(10)
        self.begin()
        begun.set()
        self.over.wait()
        for thread in self.threads:
            thread.join(90)
        for connection in self.open:
            connection.close()
        counts.put(self.counts)

    def begin(self):
        tenant = self.tenant
        for place in range(4):
            made = tenant.ask("POST", "/v1/keys", {
                "name": f"more {place}", "role": "admin", "permissions": ["export", "see_full_numbers", "listen_recordings"]})
            tenant.keys.append(made[1]["secret"])
        robot = tenant.made("/v1/robots", script([HEAVY], 4, "legal"))
        tenant.ask("PATCH", "/v1/settings", {"concurrency_limit": 1_000}, headers={"If-Match": "*"})
        tenant.furnish(200, robot)
        self.task = tenant.task("loud")
        for place in range(200):
            connection = socket.create_connection(("127.0.0.1", int(tenant.server.url.rsplit(":", 1)[1])))
            connection.sendall(b"GET /v1/tasks HTTP/1.1\r\nHo")
            self.open.append(connection)
        # Few threads: what they compute themselves is taken from both.
        jobs = [self.refused_scripts] * 2 + [self.legal_scripts] * 2 + [self.imports] * 2
        jobs += [self.lists] * 4 + [self.exports, self.wrong_keys]
        only = os.environ.get("NEIGHBOUR", "").split()
        jobs = [job for job in jobs if not only or job.__name__ in only]
        for place, job in enumerate(jobs):
            thread = threading.Thread(target=self.repeat, args=(job, place), daemon=True)
            thread.start()
            self.threads.append(thread)

    def repeat(self, job, place):
        turn = 0
        while not self.over.is_set():
            turn += 1
            try:
                status = job(place, turn)
            except OSError:
                status = "broken off"
            key = f"{job.__name__} {status}"
            self.counts[key] = self.counts.get(key, 0) + 1

    def refused_scripts(self, place, turn):
        return self.tenant.ask("POST", "/v1/robots", script([r"\w{40}0"] * 50, 50, f"r{place} {turn}"), place)[0]

    def legal_scripts(self, place, turn):
        return self.tenant.ask("POST", "/v1/robots", script([HEAVY], 4, f"l{place} {turn}"), place)[0]

    def imports(self, place, turn):
        return self.tenant.load(self.task, f"b{place}-{turn}", (place * 1_000 + turn) * 5_000, 5_000)[0]

    def lists(self, place, turn):
        text = "a" * 50
        filters = " OR ".join(f'process_hangup_point : "{letter}{text}"' for letter in "bcdefghijk")
        path = f"/v1/records?limit=200&filter={urllib.parse.quote(filters)}"
        status, reply = self.tenant.ask("GET", path, key=place)
        assert status in (200, 429), reply
        return status

    def exports(self, place, turn):
        return self.tenant.ask("POST", "/v1/exports", {"content": "call_records", "format": "xlsx"}, place)[0]

    def wrong_keys(self, place, turn):
        connection = http.client.HTTPConnection(self.tenant.server.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/v1/tasks", headers={"Authorization": f"Bearer cw_{turn:08}_{'a' * 52}"})
        return connection.getresponse().status


def main():
    server = Server(FASTER, WORKERS)
    try:
        quiet = Tenant(server, "Quiet")
        quiet.furnish(SLOTS)
        Phase(quiet, "warm-up")
        alone = Phase(quiet, "alone")
        neighbour = Neighbour(Tenant(server, "Loud"))
        begun, counts = multiprocessing.Event(), multiprocessing.Queue()
        acting = multiprocessing.Process(target=neighbour.act, args=(begun, counts), daemon=True)
        acting.start()
        assert begun.wait(120), "the neighbour did not begin"
        beside = Phase(quiet, "beside")
        neighbour.over.set()
        done = counts.get(timeout=120)
        acting.join(10)
        for what, count in sorted(done.items()):
            print(f"neighbour {what}: {count}")
        different = [phone for phone, ends in alone.ends.items() if beside.ends.get(phone) != ends]
        for name, phase in (("alone", alone), ("beside", beside)):
            for share in (50, 90, 99):
                print(f"list_p{share}_{name} {phase.wait(share) * 1000:.1f} ms")
        print(f"dial_rate_alone {alone.rate:.1f} calls/s")
        print(f"dial_rate_beside {beside.rate:.1f} calls/s")
        print(f"calls_that_ended_otherwise {len(different)} of {len(alone.ends)}")
        wrong = [
            word for word, holds in {
                "the list": beside.wait(99) <= alone.wait(99) * P99_TIMES_MAX,
                "the dial rate": beside.rate >= alone.rate * RATE_MIN,
                "how calls end": not different and len(alone.ends) == NUMBERS,
            }.items() if not holds
        ]
        if wrong:
            print(f"the neighbour is felt in {', '.join(wrong)}")
            for phone in different[:5]:
                print(f"  {alone.ends[phone]} alone, {beside.ends.get(phone)} beside")
        return 1 if wrong else 0
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
