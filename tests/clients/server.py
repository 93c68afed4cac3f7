"""A Callwright of the tests' own: the API and one process of workers, on the servers that `callwright
services` names in the environment. Business time runs fast, so that a campaign takes seconds."""

import datetime
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CALLWRIGHT = os.environ.get("CALLWRIGHT_BIN", str(ROOT / "target/debug/callwright"))
# How long anything may take that is waited for.
PATIENCE_SECONDS = 120
# Business seconds in a second.
FASTER = 60
# The kinds of work of the Procfile's courier.
COURIER = ("import", "export", "upload", "analyze")


def free_port():
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return any_port.getsockname()[1]


def wait_for(what, look):
    """What `look` gives as soon as it gives anything."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not come within {PATIENCE_SECONDS} s")


class Server:
    def __init__(self, faster=FASTER, workers=(("sweep", "step", "dial", "redial", *COURIER),)):
        self.folder = tempfile.TemporaryDirectory(prefix="callwright-clients-")
        now = datetime.datetime.now(datetime.timezone.utc)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = {
            **os.environ,
            "CALLWRIGHT_DATA": self.folder.name,
            "CALLWRIGHT_LISTEN": self.url.removeprefix("http://"),
            "CALLWRIGHT_LOG": "warn",
            # Ten in the morning in Shanghai.
            "CALLWRIGHT_CLOCK": f"{now:%Y-%m-%dT%H:%M:%SZ}={now:%Y-%m-%d}T02:00:00Z*{faster}",
        }
        self.run("migrate")
        self.key = self.run("seed", f"Clients {os.getpid()} {free_port()}").strip()
        self.log = open(pathlib.Path(self.folder.name) / "processes.log", "wb")
        self.processes = [self.start("serve"), *(self.start("work", *kinds) for kinds in workers)]
        wait_for("the API", self.is_ready)

    def run(self, *arguments):
        done = subprocess.run([CALLWRIGHT, *arguments], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise AssertionError(f"callwright {arguments[0]}: {done.stderr}")
        return done.stdout

    def start(self, *arguments):
        # As its systemd unit has it: files can wait.
        nice = ["nice", "-n", "10"] if arguments[1:] == COURIER else []
        return subprocess.Popen([*nice, CALLWRIGHT, *arguments], env=self.environment, stdout=self.log, stderr=self.log)

    def is_ready(self):
        for process in self.processes:
            if process.poll() is not None:
                raise AssertionError(f"a process ended at its start: {self.told()}")
        try:
            return urllib.request.urlopen(f"{self.url}/ready", timeout=5).status == 200
        except OSError:
            return False

    def told(self):
        """The end of what the processes said."""
        self.log.flush()
        return pathlib.Path(self.log.name).read_text()[-4000:]

    def get(self, path):
        return json.loads(self.fetch(path))

    def fetch(self, path):
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.read()

    def post(self, path, body, more=None):
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **(more or {})}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as reply:
            return json.load(reply)

    def furnish(self):
        """Something of every kind, and a campaign of five numbers that was called: ids by their names in paths."""
        examples = ROOT / "examples"
        robot = self.post("/v1/robots", json.loads((examples / "robot.json").read_text()))["id"]
        flow = json.loads((examples / "navigation.json").read_text())
        flow["nodes"][0]["robot"] = robot
        navigation = self.post("/v1/navigations", flow)["id"]
        self.post(f"/v1/navigations/{navigation}/publish", {})
        provider = self.post("/v1/providers", {"name": "voice", "driver": "espeak"})["id"]
        trunk = self.post("/v1/trunks", {"name": "line", "concurrency": 20})["id"]
        caller = self.post("/v1/caller_ids", {"trunk": trunk, "phone": "+862155500101"})["id"]
        config = {"name": "Spring", "concurrency": 20, "navigation": navigation, "caller_ids": [caller]}
        task = self.post("/v1/tasks", config)["id"]
        template = self.post("/v1/templates", {**config, "name": "Saved"})["id"]
        period = self.post("/v1/periods", {"name": "Day", "kind": "call", "ranges": [{"start": "09:00", "end": "18:00"}]})
        variables = {"customerName": "Ms. Li", "ModelName": "S7", "appointmentTime": "ten"}
        rows = [{"phone_number": f"1380000000{place}", "variables": variables} for place in range(5)]
        path = f"/v1/tasks/{task}/imports?batch_name=May&start=auto"
        made = self.post(path, {"numbers": rows}, {"Idempotency-Key": "furniture"})["id"]
        records = wait_for("five calls", lambda: (page := self.get(f"/v1/records?task={task}")["data"])[4:] and page)
        answered = [record for record in records if record["result"] == "answered"]
        export = self.post("/v1/exports", {"content": "call_records", "format": "csv"})["id"]
        listed = self.post("/v1/suppressions", {"phone_numbers": ["13800000099"]})["data"][0]["id"]
        base = self.post("/v1/knowledge", {"name": "faq"})["id"]
        text = (examples / "knowledge.md").read_text()
        document = self.post(f"/v1/knowledge/{base}/documents", {"name": "garage", "text": text})["id"]
        return {
            "knowledge_id": base, "document_id": document, "robot_id": robot, "provider_id": provider,
            "navigation_id": navigation, "trunk_id": trunk, "caller_id": caller, "task_id": task,
            "template_id": template, "period_id": period["id"], "import_id": made, "export_id": export,
            "record_id": (answered or records)[0]["id"], "suppression_id": listed, "number": 1,
            "batch_id": self.get(f"/v1/tasks/{task}/batches")["data"][0]["id"],
            "number_id": self.get(f"/v1/tasks/{task}/numbers")["data"][0]["id"],
            "key_id": self.get("/v1/keys")["data"][0]["id"],
        }

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        self.log.close()
        self.folder.cleanup()
