"""The pages at /docs, as a browser shows them, compared with the document: every operation, every field,
its type, an example that is right, and nothing that lies over something else or comes from elsewhere."""

import json
import os
import tempfile
import unittest
import urllib.request

import jsonschema
from playwright.sync_api import sync_playwright

from server import Server

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]
METHODS = ["get", "post", "put", "patch", "delete"]

# What a page holds, read where the browser shows it.
READ = """() => {
  const rows = part => [...part.querySelectorAll(':scope > .wide > table > tbody > tr')].map(row => ({
    name: row.dataset.field, type: row.querySelector('td.type').innerText,
    links: [...row.querySelectorAll('td.type a')].map(a => a.getAttribute('href').slice(1)),
    required: !!row.querySelector('.required')}));
  const media = part => Object.fromEntries([...part.querySelectorAll('[data-media]')].map(one => [one.dataset.media, {
    type: one.querySelector('.type').innerText, rows: rows(one),
    example: one.querySelector('pre.example')?.innerText}]));
  return {
    operations: Object.fromEntries([...document.querySelectorAll('[data-operation]')].map(one => [one.dataset.operation, {
      path: one.querySelector('.path code').innerText, method: one.querySelector('.method').innerText,
      parameters: [...one.querySelectorAll('[data-part=parameters]')].flatMap(rows),
      body: [...one.querySelectorAll('[data-part=body]')].map(media)[0],
      replies: Object.fromEntries([...one.querySelectorAll('[data-part=reply]')].map(r => [r.dataset.status, media(r)])),
    }])),
    types: Object.fromEntries([...document.querySelectorAll('[data-type]')].map(one => [one.dataset.type, {
      rows: rows(one), type: one.querySelector(':scope > p.type')?.innerText}])),
    dead: [...document.querySelectorAll('a[href^="#"]')].map(a => a.getAttribute('href').slice(1))
      .filter(id => !document.getElementById(id)),
  };
}"""

# Texts that lie over one another, and what is wider than the window without a scroll bar of its own.
OVERPRINTED = """() => {
  const found = [], all = [...document.querySelectorAll('h1,h2,h3,p,li,td,th,pre')]
    .filter(one => one.offsetParent && !one.closest('nav')).map(one => [one, one.getBoundingClientRect()]);
  for (let i = 0; i + 1 < all.length; i++) {
    const [one, a] = all[i], [other, b] = all[i + 1];
    if (one.contains(other) || other.contains(one)) continue;
    const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (x > 1 && y > 1) found.push(one.innerText.slice(0, 40) + ' | ' + other.innerText.slice(0, 40));
  }
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push('wider than the window');
  return found;
}"""


class Document:
    def __init__(self, document):
        self.all = document
        self.schemas = document["components"]["schemas"]

    def operations(self):
        for path, item in self.all["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method, path, item[method]

    @staticmethod
    def name(schema):
        only = schema.get("allOf", [schema])
        return only[0].get("$ref", "").rpartition("/")[2] if len(only) == 1 else ""

    def words(self, schema):
        """Words that the type of a field has to show."""
        if self.name(schema):
            return [self.name(schema)]
        if "const" in schema:
            return [str(schema["const"])]
        if "enum" in schema:
            return [str(word) for word in schema["enum"]]
        for choice in ("anyOf", "oneOf"):
            if choice in schema:
                return [word for one in schema[choice] for word in self.words(one)]
        kinds = schema.get("type", "anything")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        words = ["map" if kind == "object" and isinstance(schema.get("additionalProperties"), dict) else kind for kind in kinds]
        for bound in ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"):
            words += [str(schema[bound])] if bound in schema else []
        if isinstance(schema.get("items"), dict):
            words += self.words(schema["items"])
        return words

    def check(self, schema, example):
        jsonschema.Draft202012Validator({**schema, "components": self.all["components"]}).validate(example)


class Docs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)
        cls.document = Document(json.load(urllib.request.urlopen(f"{cls.server.url}/openapi.json")))
        playwright = sync_playwright().start()
        cls.addClassCleanup(playwright.stop)
        profile = tempfile.TemporaryDirectory(prefix="callwright-chromium-")
        cls.addClassCleanup(profile.cleanup)
        cls.browser = playwright.chromium.launch_persistent_context(
            profile.name, executable_path=CHROMIUM, args=FLAGS, headless=True, viewport={"width": 1280, "height": 900}
        )
        cls.addClassCleanup(cls.browser.close)
        cls.asked, cls.complaints = [], []
        cls.page = cls.browser.new_page()
        cls.page.on("request", lambda request: cls.asked.append(request.url))
        cls.page.on("console", lambda message: cls.complaints.append(message.text))
        cls.pages = {}
        for name in [""] + [tag["name"].lower().replace(" ", "-") for tag in cls.document.all["tags"]]:
            cls.page.goto(f"{cls.server.url}/docs/{name}".rstrip("/"))
            cls.pages[name] = cls.page.evaluate(READ)

    def compare(self, place, rows, schema_of, required):
        """A table of fields, and the fields that there are."""
        self.assertEqual([row["name"] for row in rows], list(schema_of), place)
        for row in rows:
            schema = schema_of[row["name"]]
            for word in self.document.words(schema):
                self.assertIn(word, row["type"], f"{place}, {row['name']}")
            named = self.document.name(schema)
            if named:
                self.assertEqual(row["links"], [named], f"{place}, {row['name']}")
            self.assertEqual(row["required"], row["name"] in required, f"{place}, {row['name']}")

    def compare_fields(self, place, rows, schema):
        name = self.document.name(schema)
        whole = self.document.schemas[name] if name else schema
        self.compare(place, rows, whole.get("properties", {}), whole.get("required", []))

    def test_every_operation_stands_on_its_page_as_the_document_has_it(self):
        for method, path, operation in self.document.operations():
            name = operation["operationId"]
            shown = self.pages[operation["tags"][0].lower().replace(" ", "-")]["operations"][name]
            self.assertEqual((shown["method"], shown["path"]), (method.upper(), path))
            parameters = {one["name"]: one for one in operation.get("parameters", [])}
            required = [one for one, parameter in parameters.items() if parameter.get("required")]
            schemas = {one: parameter["schema"] for one, parameter in parameters.items()}
            self.compare(f"{name}, parameters", shown["parameters"], schemas, required)
            bodies = [("body", shown["body"], operation.get("requestBody", {}))]
            self.assertEqual(set(shown["replies"]), set(operation["responses"]), name)
            bodies += [(f"reply {status}", shown["replies"][status], operation["responses"][status]) for status in shown["replies"]]
            for which, media, body in bodies:
                content = body.get("content", {})
                self.assertEqual(list(media or {}), list(content), f"{name}, {which}")
                for kind, told in content.items():
                    place, schema = f"{name}, {which}, {kind}", told["schema"]
                    for word in self.document.words(schema):
                        self.assertIn(word, media[kind]["type"], place)
                    if kind != "application/problem+json":
                        self.compare_fields(place, media[kind]["rows"], schema)

    def test_every_body_has_an_example_that_is_right(self):
        seen = 0
        for method, path, operation in self.document.operations():
            name = operation["operationId"]
            shown = self.pages[operation["tags"][0].lower().replace(" ", "-")]["operations"][name]
            bodies = [(shown["body"] or {}, operation.get("requestBody", {}))]
            bodies += [(shown["replies"][status], reply) for status, reply in operation["responses"].items()]
            for media, body in bodies:
                for kind, told in body.get("content", {}).items():
                    if kind not in ("application/json", "application/merge-patch+json", "multipart/form-data"):
                        continue
                    example = json.loads(media[kind]["example"])
                    with self.subTest(name, kind=kind):
                        self.document.check(told["schema"], example)
                        self.assertTrue(example, "an example shows something")
                    seen += 1
        self.assertGreater(seen, 80)

    def test_every_type_is_shown_with_its_fields_and_every_link_leads_somewhere(self):
        shown = {}
        for name, page in self.pages.items():
            self.assertEqual(page["dead"], [], f"links of /docs/{name}")
            for kind, told in page["types"].items():
                whole = self.document.schemas[kind]
                self.compare_fields(kind, told["rows"], whole)
                if not told["rows"]:
                    for word in self.document.words(whole):
                        self.assertIn(word, told["type"], kind)
                shown[kind] = True
        self.assertEqual(set(shown), set(self.document.schemas))

    def test_nothing_is_overprinted_at_any_width(self):
        for width in (1280, 800, 390):
            self.page.set_viewport_size({"width": width, "height": 900})
            for name in self.pages:
                self.page.goto(f"{self.server.url}/docs/{name}".rstrip("/"))
                with self.subTest(page=name, width=width):
                    self.assertEqual(self.page.evaluate(OVERPRINTED), [])
        self.page.set_viewport_size({"width": 1280, "height": 900})

    def test_the_side_list_leads_to_every_operation(self):
        self.page.goto(f"{self.server.url}/docs")
        self.page.get_by_role("navigation").get_by_text("Make a task", exact=True).click()
        self.page.wait_for_url("**/docs/tasks#create_task")
        self.assertTrue(self.page.locator("#create_task").is_visible())
        links = self.page.locator("nav li a").count()
        self.assertEqual(links, len(list(self.document.operations())))

    def test_no_other_host_is_asked_and_nothing_may_be(self):
        elsewhere = [url for url in self.asked if not url.startswith((self.server.url, "data:"))]
        self.assertEqual(elsewhere, [])
        self.assertEqual(self.complaints, [])
        reply = urllib.request.urlopen(f"{self.server.url}/docs/tasks")
        policy = reply.headers["Content-Security-Policy"]
        self.assertTrue(policy.startswith("default-src 'none'"), policy)
        for word in ("http:", "https:", "*", "script-src", "connect-src", "unsafe"):
            self.assertNotIn(word, policy)


if __name__ == "__main__":
    unittest.main()
