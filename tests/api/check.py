#!/usr/bin/env python3
"""Holds docs/openapi.yaml against itself, and a running daemon against it. Prints TAP.

    check.py [FILE]                            the description, its examples, tests/unit/data/api
    check.py [FILE] --url http://HOST:PORT     and every GET path of that daemon
    check.py [FILE] --unix SOCKET              the same over its Unix socket
    check.py ... --token TOKEN                 sent as a bearer token

Needs python3-yaml and python3-jsonschema. An object may have only the fields that its schema names,
so that nothing is served that is not described.
"""
import argparse
import copy
import http.client
import json
import pathlib
import re
import socket
import ssl
import sys
import time
import urllib.parse

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "unit" / "data" / "api"
METHODS = ("get", "post", "put", "delete", "head", "options", "patch")
REFUSALS = ("401", "403", "421", "429", "503")  # of the guard and of a daemon that is not ready
RESERVED = ("global", "root", "poll", "snapshot", "api", "metrics", "healthz")


class Tap:
    """Counts and prints the tests."""

    def __init__(self):
        self.number = self.failed = 0

    def check(self, name, faults):
        self.number += 1
        self.failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {self.number} - {name}", flush=True)
        for fault in faults[:20]:
            for line in str(fault).splitlines():
                print(f"# {line[:300]}")

    def skip(self, name, why):
        self.number += 1
        print(f"ok {self.number} - {name} # SKIP {why}", flush=True)

    def end(self):
        print(f"1..{self.number}")
        return 1 if self.failed else 0


class Description:
    """The document, with its references resolved and its schemas as JSON Schema (draft 4)."""

    def __init__(self, path):
        self.document = yaml.safe_load(path.read_text(encoding="utf-8"))

    def find(self, ref):
        at = self.document
        for part in ref.removeprefix("#/").split("/"):
            at = at[part.replace("~1", "/").replace("~0", "~")]
        return at

    def follow(self, thing):
        return self.find(thing["$ref"]) if "$ref" in thing else thing

    def schema(self, schema):
        """References in place, allOf merged, nullable as a type, objects closed."""
        schema = copy.deepcopy(self.follow(schema))
        nullable = schema.pop("nullable", False)
        for part in schema.pop("allOf", []):
            part = self.schema(part)
            schema.setdefault("type", part.get("type"))
            schema.setdefault("properties", {}).update(part.pop("properties", {}))
            schema["required"] = schema.get("required", []) + part.pop("required", [])
        for key in ("oneOf", "anyOf"):
            if key in schema:
                schema[key] = [self.schema(part) for part in schema[key]]
        if "items" in schema:
            schema["items"] = self.schema(schema["items"])
        if "properties" in schema:
            schema["properties"] = {k: self.schema(v) for k, v in schema["properties"].items()}
            schema["additionalProperties"] = False
        for key in ("example", "format", "description"):
            schema.pop(key, None)
        return {"anyOf": [schema, {"type": "null"}]} if nullable else schema

    def faults(self, value, schema):
        """What of the value is not as its schema says."""
        checker = jsonschema.Draft4Validator(self.schema(schema))
        return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}"
                for e in checker.iter_errors(value)]

    def operations(self):
        for path, item in self.document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield path, method, item[method]

    def answers(self):
        """Every answer that has a content: where it is, its type, its media object."""
        for path, method, operation in self.operations():
            for status, response in operation["responses"].items():
                for kind, media in self.follow(response).get("content", {}).items():
                    yield f"{method.upper()} {path} {status}", kind, media


def references(thing):
    if isinstance(thing, dict):
        if isinstance(thing.get("$ref"), str):
            yield thing["$ref"]
        for value in thing.values():
            yield from references(value)
    elif isinstance(thing, list):
        for value in thing:
            yield from references(value)


def messages(text):
    """Server-sent events as (event, id, data); comments are left out."""
    for block in re.split(r"\n\n", text):
        fields = {}
        for line in block.splitlines():
            if line and not line.startswith(":"):
                name, _, value = line.partition(":")
                fields[name] = fields.get(name, "") + value.removeprefix(" ")
        if "data" in fields:
            yield fields.get("event"), fields.get("id"), fields["data"]


def check_messages(api, text, schema):
    faults = []
    for event, number, data in messages(text):
        value = json.loads(data)
        if event == "reset":
            faults += [] if value == {} else [f"a reset with {data}"]
            continue
        if event is not None:
            faults.append(f"a message called {event}")
        if not number:
            faults.append(f"a message without an id: {data[:80]}")
        faults += api.faults(value, schema)
    return faults


# ---- the description by itself ----

def check_references(api):
    faults = []
    for ref in references(api.document):
        try:
            api.find(ref)
        except (KeyError, TypeError):
            faults.append(f"{ref} leads nowhere")
    return faults


def check_use(api):
    """A component that nobody refers to describes nothing."""
    used = set(references(api.document))
    return [f"#/components/{kind}/{name} is not used"
            for kind, entries in api.document["components"].items() if kind != "securitySchemes"
            for name in entries if f"#/components/{kind}/{name}" not in used]


def check_schemas(api):
    faults = []
    for name, schema in api.document["components"]["schemas"].items():
        try:
            jsonschema.Draft4Validator.check_schema(api.schema(schema))
        except jsonschema.SchemaError as error:
            faults.append(f"{name}: {error.message}")
        for field in schema.get("required", []):
            if field not in schema.get("properties", {}):
                faults.append(f"{name}: {field} is required and not described")
    return faults


def check_operations(api):
    faults = []
    seen = set()
    for path, method, operation in api.operations():
        where = f"{method.upper()} {path}"
        for key in ("summary", "operationId", "tags", "responses"):
            if not operation.get(key):
                faults.append(f"{where} has no {key}")
        if operation.get("operationId") in seen:
            faults.append(f"{where}: the operationId is taken")
        seen.add(operation.get("operationId"))
        parameters = [api.follow(p) for p in operation.get("parameters", [])]
        named = {p["name"] for p in parameters if p["in"] == "path"}
        if named != set(re.findall(r"{(\w+)}", path)):
            faults.append(f"{where}: its path parameters are not those of the path")
        for status, response in operation["responses"].items():
            if not isinstance(status, str) or "description" not in api.follow(response):
                faults.append(f"{where} {status} is no response with a description")
    return faults


def check_refusals(api):
    """Whatever is asked for may be refused, in text or, below /api/, as an object."""
    faults = []
    for path, method, operation in api.operations():
        kind = "application/json" if path.startswith("/api/") else "text/plain"
        for status in REFUSALS:
            response = operation["responses"].get(status)
            if response is None:
                faults.append(f"{method.upper()} {path} does not say that it can answer {status}")
            elif kind not in api.follow(response).get("content", {}):
                faults.append(f"{method.upper()} {path} {status} has no {kind}")
    return faults


def check_sources(api):
    """The words that the sources have are the words that are described."""
    schemas = api.document["components"]["schemas"]
    faults = []
    for file, pattern, described in (
            ("src/base/err.c", r'\[ERR_\w+\] =\s*\{"([a-z-]+)"', schemas["Code"]["enum"]),
            ("src/domain/event.c", r'\[EVENT_\w+\] = "(\w+)"',
             schemas["Event"]["properties"]["kind"]["enum"])):
        words = re.findall(pattern, (ROOT / file).read_text(encoding="utf-8"))
        faults += [f"{file} has {word}, which is not described"
                   for word in words if word not in described]
        faults += [f"{word} is described and not in {file}"
                   for word in described if word not in words]
    return faults


def check_example(api, kind, media):
    if "example" not in media:
        return ["there is no example"]
    faults = api.faults(media["example"], media["schema"])
    if "x-message" in media:
        faults += check_messages(api, media["example"], media["x-message"])
    if "x-file" in media:
        written = json.loads((DATA / media["x-file"]).read_text(encoding="utf-8"))
        if written != media["example"]:
            faults.append(f"the example is not what is written to {media['x-file']}")
    if kind == "application/json" and "properties" not in api.schema(media["schema"]):
        faults.append("its fields are not described")
    return faults


def check_description(tap, api):
    tap.check("it is OpenAPI 3.0.3", [] if api.document.get("openapi") == "3.0.3" else ["it is not"])
    tap.check("every reference leads somewhere", check_references(api))
    tap.check("every component is used", check_use(api))
    tap.check("every schema is one", check_schemas(api))
    tap.check("every operation says what it does and takes", check_operations(api))
    tap.check("every operation says how it can be refused", check_refusals(api))
    tap.check("error codes and kinds of events are those of the sources", check_sources(api))
    for where, kind, media in api.answers():
        tap.check(f"{where} {kind}: the example is as described", check_example(api, kind, media))
    schemas = {"state": "State", "dataset": "Dataset", "dataset_failed": "Dataset",
               "activity": "Activity", "change": "Change", "error": "Error"}
    for file in sorted(DATA.glob("*.json")):
        value = json.loads(file.read_text(encoding="utf-8"))
        schema = {"$ref": f"#/components/schemas/{schemas.get(file.stem, 'Error')}"}
        tap.check(f"what is written to {file.name} is as described", api.faults(value, schema))


# ---- a running daemon ----

class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    def __init__(self, arguments):
        self.unix = arguments.unix
        self.url = urllib.parse.urlsplit(arguments.url or "http://localhost")
        self.headers = {}
        if arguments.token:
            self.headers["Authorization"] = f"Bearer {arguments.token}"

    def connect(self, timeout):
        if self.unix:
            return UnixConnection(self.unix, timeout)
        if self.url.scheme == "https":
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE  # the description is checked, not the certificate
            return http.client.HTTPSConnection(self.url.netloc, timeout=timeout, context=context)
        return http.client.HTTPConnection(self.url.netloc, timeout=timeout)

    def get(self, path):
        connection = self.connect(30)
        try:
            connection.request("GET", path, headers=self.headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode("utf-8")
        finally:
            connection.close()

    def listen(self, path, seconds):
        """The head, and what comes within some seconds, up to the last whole message."""
        connection = self.connect(seconds)
        text = b""
        try:
            connection.request("GET", path, headers=self.headers)
            answer = connection.getresponse()
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                part = answer.read1(65536)
                if not part:
                    break
                text += part
        except TimeoutError:
            pass
        finally:
            connection.close()
        whole = text.decode("utf-8", "replace").rpartition("\n\n")
        return answer.status, answer.headers, whole[0] + whole[1]


def media_of(api, path, status, headers):
    """The media object of an answer and what is wrong with its head."""
    responses = api.document["paths"][path]["get"]["responses"]
    if str(status) not in responses:
        return None, [f"{status} is not described"]
    content = api.follow(responses[str(status)]).get("content", {})
    kind = (headers.get("Content-Type") or "").partition(";")[0]
    if not content:
        return None, []
    if kind not in content:
        return None, [f"{status} of type \"{kind}\" is not described"]
    return content[kind], []


def check_answer(api, path, answer, expected):
    status, headers, body = answer
    if status != expected:
        return [f"{status}, not {expected}: {body[:200]}"]
    media, faults = media_of(api, path, status, headers)
    if media is None:
        return faults
    kind = headers["Content-Type"]
    if kind.startswith("application/json"):
        return api.faults(json.loads(body), media["schema"])
    if kind.startswith("text/html"):
        return [] if "<main" in body and "{{" not in body else ["it is not a whole page"]
    return [] if body else ["it is empty"]


def encode(name):
    return urllib.parse.quote(name, safe="/")


def check_pages(tap, api, daemon, names):
    plain = [n for n in names if n and n.split("/")[1] not in RESERVED]
    cases = [("/", "/", 302), ("/global", "/global", 200),
             ("/global/activity", "/global/activity", 200), ("/root", "/root", 200),
             ("/global/dataset/{name}", "/global/dataset/no-such-dataset", 404),
             ("/global/assets/{file}", "/global/assets/app.js", 200),
             ("/global/assets/{file}", "/global/assets/style.css", 200),
             ("/global/assets/{file}", "/global/assets/icon.svg", 200),
             ("/healthz", "/healthz", 200), ("/metrics", "/metrics", 200)]
    cases += [("/{name}", encode(n), 200) for n in plain[:5]]
    cases += [("/global/dataset/{name}", "/global/dataset" + encode(n), 200) for n in names[:5] if n]
    for path, address, expected in cases:
        tap.check(f"GET {address}", check_answer(api, path, daemon.get(address), expected))


def check_json(tap, api, daemon):
    status, headers, body = daemon.get("/api/v1/state")
    answer = check_answer(api, "/api/v1/state", (status, headers, body), 200)
    tap.check("GET /api/v1/state", answer)
    state = json.loads(body) if status == 200 else {"datasets": [], "stream": ""}
    names = [d["name"] for d in state["datasets"]]
    tap.check("GET /api/v1/activity",
              check_answer(api, "/api/v1/activity", daemon.get("/api/v1/activity"), 200))
    for name in names[:20]:
        address = "/api/v1/datasets" + (encode(name) or "/")
        tap.check(f"GET {address}",
                  check_answer(api, "/api/v1/datasets/{name}", daemon.get(address), 200))
    tap.check("GET /api/v1/datasets/no-such-dataset",
              check_answer(api, "/api/v1/datasets/{name}",
                           daemon.get("/api/v1/datasets/no-such-dataset"), 404))
    return names, state["stream"]


def check_streams(tap, api, daemon, stream):
    after = "?after=" + urllib.parse.quote(stream)
    for path, address in (("/api/v1/changes", "/api/v1/changes" + after),
                          ("/api/v1/changes", "/api/v1/changes?after=0-0"),
                          ("/api/v1/events", "/api/v1/events")):
        status, headers, text = daemon.listen(address, 3)
        media, faults = media_of(api, path, status, headers)
        if media is not None and status == 200:
            faults += check_messages(api, text, media["x-message"])
        elif not faults:
            faults = [f"{status}: {text[:200]}"]
        tap.check(f"GET {address}", faults)
    tap.skip("GET /poll", "it answers when something has changed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=pathlib.Path, default=ROOT / "docs/openapi.yaml")
    parser.add_argument("--url")
    parser.add_argument("--unix")
    parser.add_argument("--token")
    arguments = parser.parse_args()
    tap = Tap()
    api = Description(arguments.file)
    if arguments.url or arguments.unix:
        daemon = Daemon(arguments)
        names, stream = check_json(tap, api, daemon)
        check_pages(tap, api, daemon, names)
        check_streams(tap, api, daemon, stream)
    else:
        check_description(tap, api)
    return tap.end()


if __name__ == "__main__":
    sys.exit(main())
