"""The Hub's calls for a model that is pushed, on 127.0.0.1: the real `huggingface_hub` talks to it over plain HTTP."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import yaml

# A token and the name that it may write under.
TOKEN, OWNER = "hf_ofThePersonWhoPushes123", "ada"
LFS_BYTES, COMMIT = 200_000, "1" * 40
OF_REPOSITORY = re.compile(r"/(?:api/models/)?([^/]+/[^/]+?)(?:\.git)?(/preupload/main|/info/lfs/objects/batch|/commit/main)?")


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)


@dataclass
class FakeHub:
    """What it holds, what it was asked, and what it should do instead: a status for calls whose path fits."""

    url: str = ""
    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: OWNER})
    repositories: dict[str, Repository] = field(default_factory=dict)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    before: Callable[[str], None] = lambda path: None

    def received(self) -> bytes:
        """Return every byte that lies in it."""
        kept = [content for one in self.repositories.values() for content in one.files.values()]
        return b"\n".join([*kept, *self.uploaded.values()])

    def tokens_seen(self) -> set[str]:
        return {token for _, _, token in self.asked if token}


class AnswerError(Exception):
    def __init__(self, status: int, body: Any = None, code: str = "") -> None:
        super().__init__(status)
        self.status, self.body, self.code = status, body if body is not None else {}, code


class Calls(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: Any) -> None:
        return

    def do_HEAD(self) -> None:
        self._send(AnswerError(200))

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def do_PUT(self) -> None:
        self.do_POST()

    def _answer(self, body: bytes) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        self.hub.asked.append((self.command, self.path, token))
        self.hub.before(self.path)
        try:
            for pattern, status in self.hub.faults.items():
                if re.search(pattern, self.path):
                    # A Hub that repeats what it was sent: nothing of it may reach a person.
                    raise AnswerError(status, {"error": f"not today, {token}"})
            self._send(self._called(body, token))
        except AnswerError as answer:
            self._send(answer)

    def _send(self, answer: AnswerError) -> None:
        if answer.status == 0:
            self.close_connection = True
            return
        content = json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if answer.code:
            self.send_header("X-Error-Code", answer.code)
        # Who asked may have given up.
        with suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(content if self.command != "HEAD" else b"")

    def _called(self, body: bytes, token: str) -> AnswerError:
        if found := re.fullmatch(r"/lfs/([0-9a-f]{64})", self.path):
            assert hashlib.sha256(body).hexdigest() == found[1]
            self.hub.uploaded[found[1]] = body
            return AnswerError(200)
        if token not in self.hub.tokens:
            raise AnswerError(401, {"error": "Invalid credentials in Authorization header"})
        owner = self.hub.tokens[token]
        if self.path == "/api/validate-yaml":
            head = json.loads(body)["content"].split("---\n")[1]
            return AnswerError(200 if isinstance(yaml.safe_load(head), dict) else 400, {"errors": [], "warnings": []})
        if self.path == "/api/repos/create":
            return self._create(json.loads(body), owner)
        found = OF_REPOSITORY.fullmatch(self.path)
        assert found is not None, self.path
        return self._of_repository(found[1], found[2] or "", body, owner)

    def _create(self, asked: dict[str, Any], owner: str) -> AnswerError:
        name = f"{asked['organization']}/{asked['name']}"
        if name in self.hub.repositories:
            raise AnswerError(409, {"error": "You already created this model repo"})
        if asked["organization"] != owner:
            raise AnswerError(403, {"error": "You don't have the rights to create a model under this namespace"})
        self.hub.repositories[name] = Repository(asked.get("visibility") == "private")
        return AnswerError(200, {"url": f"{self.hub.url}/{name}"})

    def _of_repository(self, name: str, what: str, body: bytes, owner: str) -> AnswerError:
        repository, is_own = self.hub.repositories.get(name), name.startswith(f"{owner}/")
        if repository is None or (repository.private and not is_own):
            raise AnswerError(404, {"error": "Repository not found"}, "RepoNotFound")
        if not what:
            return AnswerError(200, {"id": name, "private": repository.private, "sha": "0" * 40})
        if not is_own:
            raise AnswerError(403, {"error": "Forbidden"})
        if what.endswith("/main") and "preupload" in what:
            modes = [
                {"path": one["path"], "uploadMode": "lfs" if one["size"] > LFS_BYTES else "regular", "shouldIgnore": False}
                for one in json.loads(body)["files"]
            ]
            return AnswerError(200, {"files": modes})
        if "lfs" in what:
            wanted = json.loads(body)["objects"]
            actions = [one | {"actions": {"upload": {"href": f"{self.hub.url}/lfs/{one['oid']}"}}} for one in wanted]
            return AnswerError(200, {"objects": actions, "transfer": "basic"})
        self._commit(repository, [json.loads(line) for line in body.splitlines()])
        return AnswerError(200, {"commitUrl": f"{self.hub.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    def _commit(self, repository: Repository, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                repository.commits.append(value["summary"])
            elif line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            else:
                assert line["key"] == "lfsFile", line
                repository.files[value["path"]] = self.hub.uploaded[value["oid"]]


@contextmanager
def fake_hub() -> Iterator[FakeHub]:
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("CallsOfOne", (Calls,), {"hub": hub}))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    yield hub
    server.shutdown()
    server.server_close()
