"""Clients that other people's tools make of the document: whole and without a warning. With the one for
Python the guide's five steps are done."""

import csv
import importlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import urllib.request
import uuid

from server import ROOT, Server, wait_for

TOOLS = pathlib.Path(os.environ["CLIENT_TOOLS"])
EXAMPLES = ROOT / "examples"


def generated(folder):
    """The Python client, made anew; and what the tool said."""
    document = folder / "openapi.json"
    document.write_bytes((ROOT / "api/openapi.json").read_bytes())
    environment = {**os.environ, "PATH": f"{TOOLS / 'bin'}:{os.environ['PATH']}"}
    return subprocess.run(
        [TOOLS / "bin/openapi-python-client", "generate", "--path", document, "--output-path", folder / "client",
         "--meta", "none", "--fail-on-warning"],
        env=environment, capture_output=True, text=True, cwd=folder,
    )


class Generated(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="callwright-generated-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.made = generated(cls.folder)
        sys.path.insert(0, folder.name)
        cls.document = json.loads((ROOT / "api/openapi.json").read_text())

    def test_the_python_client_is_made_without_a_warning_and_has_every_operation(self):
        told = self.made.stdout + self.made.stderr
        self.assertEqual(self.made.returncode, 0, told)
        self.assertNotIn("WARNING", told.upper())
        modules = {path.stem for path in (self.folder / "client/api").rglob("*.py")}
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                if isinstance(operation, dict) and "operationId" in operation:
                    self.assertIn(operation["operationId"], modules, f"{method} {path}")

    def test_the_types_for_typescript_are_made_and_compile(self):
        bin_folder = TOOLS / "node_modules/.bin"
        types = self.folder / "callwright.ts"
        made = subprocess.run([bin_folder / "openapi-typescript", ROOT / "api/openapi.json", "-o", types],
                              capture_output=True, text=True)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertNotIn("warn", (made.stdout + made.stderr).lower())
        use = self.folder / "use.ts"
        use.write_text(
            'import type { components, operations } from "./callwright";\n'
            'type Task = components["schemas"]["TaskConfig"];\n'
            'const redial: Partial<Task["redial"]> = { enabled: true };\n'
            'export const state: components["schemas"]["TaskState"] = "running";\n'
            'export type Made = operations["create_task"]["responses"][201]["content"]["application/json"];\n'
            'export const node: components["schemas"]["AgentNode"]["kind"] = "agent";\n'
            "export default redial;\n"
        )
        compiled = subprocess.run([bin_folder / "tsc", "--noEmit", "--strict", use], capture_output=True, text=True)
        self.assertEqual(compiled.returncode, 0, compiled.stdout)

    def test_the_guides_five_steps_are_done_with_the_python_client(self):
        server = Server()
        self.addCleanup(server.stop)
        self.client = importlib.import_module("client").AuthenticatedClient(
            server.url, server.key, headers={"Accept": "application/json"}, raise_on_unexpected_status=True
        )

        # 1. Create a task.
        robot = self.ask("robots.create_robot", body=self.example("RobotConfig", "robot.json"))
        flow = json.loads((EXAMPLES / "navigation.json").read_text())
        for node in flow["nodes"]:
            if node["kind"] == "agent":
                node["robot"] = robot.id
        navigation = self.ask("navigations.create_navigation", body=self.model("Navigation").from_dict(flow))
        self.ask("navigations.publish_navigation", navigation.id)
        trunk = self.ask("trunks.create_trunk", body=self.model("TrunkConfig")(name="line", concurrency=50))
        caller = self.ask("caller_i_ds.create_caller_id",
                          body=self.model("NewCallerId")(trunk=trunk.id, phone="+862155500101"))
        config = self.model("TaskConfig")(
            name="Spring", concurrency=50, navigation=navigation.id, caller_ids=[caller.id],
            redial=self.model("RedialPolicy")(enabled=True, retry_seconds=[600, 1200]),
        )
        task = self.ask("tasks.create_task", body=config)
        self.assertEqual(task.state, "initial")

        # A patch changes what it names, and nothing else.
        patch = self.model("TaskConfigPatch")(description="Reminds people of their test drive.")
        task = self.ask("tasks.update_task", task.id, body=patch, if_match='"1"')
        self.assertEqual((task.redial.enabled, task.concurrency), (True, 50))

        # 2. Import numbers.
        people = [
            self.model("NumberInput").from_dict({
                "phone_number": f"138{place:08}",
                "variables": {"customerName": f"Ms. {place}", "ModelName": "S7", "appointmentTime": "ten"},
            })
            for place in range(40)
        ]
        numbers = self.model("ImportNumbers")(numbers=people)
        made = self.ask("imports.create_import", task.id, body=numbers, batch_name="May",
                        idempotency_key=str(uuid.uuid4()))
        done = wait_for("the import", lambda: self.ended(self.ask("imports.get_import", made.id)))
        self.assertEqual((done.status, done.result.imported), ("done", 40), done)
        people = io.BytesIO((EXAMPLES / "reminders.xlsx").read_bytes())
        form = self.model("ImportForm")(
            file=self.types().File(people, "reminders.xlsx"),
            options=self.model("ImportRequest")(batch_name="June"),
        )
        made = self.ask("imports.create_import", task.id, body=form, idempotency_key=str(uuid.uuid4()))
        done = wait_for("the import of the file", lambda: self.ended(self.ask("imports.get_import", made.id)))
        self.assertEqual(done.status, "done", done)
        june = self.ask("batches.list_batches", task.id).data[0]
        self.assertGreater(self.ask("batches.cancel_batch", june.id).cancelled, 900)

        # 3. Watch it call.
        self.ask("tasks.start_task", task.id)

        def all_called():
            progress = self.ask("tasks.get_task_progress", task.id)
            numbers = progress.numbers.to_dict()
            left = sum(numbers.get(state, 0) for state in ("pending", "waiting", "calling"))
            ended = "no_pending_numbers" in [reason.code for reason in progress.why]
            return left == 0 and ended and progress

        progress = wait_for("the end of the campaign", all_called)
        self.assertGreaterEqual(progress.calls, 40)

        # 4. Look at records and conversations.
        page = self.ask("records.list_records", task=task.id, filter_='result = "answered"', count=True)
        self.assertGreater(page.count, 0)
        record = self.ask("records.get_record", page.data[0].id)
        self.assertEqual((record.answer_status, record.batch_name), ("answered", "May"))
        conversation = self.ask("records.get_conversation", record.id)
        self.assertTrue(conversation.transcript and conversation.log)

        # 5. Export.
        export = self.ask("exports.create_export", body=self.model("ExportOptions").from_dict(
            {"task": task.id, "content": "call_records", "format": "csv"}))
        done = wait_for("the export", lambda: self.ended(self.ask("exports.get_export", export.id)))
        self.assertEqual(done.status, "done", done)
        link = self.ask("exports.download_export", export.id)
        with urllib.request.urlopen(link.url) as reply:
            rows = list(csv.reader(io.StringIO(reply.read().decode("utf-8-sig"), newline="")))
        self.assertEqual(rows[0][0], "Customer Number")
        self.assertEqual(len(rows) - 1, done.progress.done)
        words = [row[rows[0].index("Conversation Text")] for row in rows[1:]]
        self.assertTrue(any("Robot: Hello" in text for text in words), words)

    def model(self, name):
        return getattr(importlib.import_module("client.models"), name)

    def types(self):
        return importlib.import_module("client.types")

    def example(self, name, file):
        return self.model(name).from_dict(json.loads((EXAMPLES / file).read_text()))

    def ask(self, operation, *arguments, **named):
        made = importlib.import_module(f"client.api.{operation}")
        reply = made.sync_detailed(*arguments, client=self.client, **named)
        self.assertLess(reply.status_code, 300, reply.content)
        return reply.parsed

    @staticmethod
    def ended(work):
        return work if work.status in ("done", "failed", "cancelled") else None


if __name__ == "__main__":
    unittest.main()
