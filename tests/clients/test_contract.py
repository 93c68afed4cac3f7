"""The document against the running API: schemathesis sends what the schemas allow and what they don't, and
finds nothing."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from server import ROOT, Server

HERE = pathlib.Path(__file__).parent
TOOLS = pathlib.Path(os.environ["CLIENT_TOOLS"])
# The same requests each time; another number looks elsewhere.
SEED = os.environ.get("SCHEMATHESIS_SEED", "14")
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "5")
SECONDS_MAX = 600


class Contract(unittest.TestCase):
    def test_the_api_keeps_what_its_document_says(self):
        server = Server()
        self.addCleanup(server.stop)
        known = server.furnish()
        done = subprocess.run(
            [TOOLS / "bin/schemathesis", "--config-file", HERE / "schemathesis.toml", "run",
             f"{server.url}/openapi.json", "--header", f"Authorization: Bearer {server.key}",
             "--seed", SEED, "--max-examples", EXAMPLES, "--generation-database", "none", "--no-color",
             # Under what one key may ask in a minute.
             "--request-timeout", "30", "--rate-limit", "5500/m"],
            env={**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE),
                 "CALLWRIGHT_KNOWN": json.dumps(known), "CALLWRIGHT_OWN_KEY": known["key_id"]},
            capture_output=True, text=True, timeout=SECONDS_MAX, cwd=server.folder.name,
        )
        self.assertEqual(done.returncode, 0, done.stdout[-20_000:] + done.stderr)
        selected, tested = re.search(r"Selected: (\d+)/\d+\s+Tested: (\d+)", done.stdout).groups()
        self.assertEqual(selected, tested, "every operation was asked")
        self.assertNotIn("Authentication failed", done.stdout, "the key held to the end")


if __name__ == "__main__":
    unittest.main()
