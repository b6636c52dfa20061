"""A stand-in for the Hugging Face Hub on this machine: as much of its HTTP interface as publishing and loading use."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_" + "aSecretThatNobodyMayRead" + "0123456789"
OWNER = "ann"


@dataclass
class Repository:
    """The files of one repository, a model's or a Space's, at its newest commit."""

    files: dict[str, bytes] = field(default_factory=dict)
    kind: str = "model"
    hardware: str = ""
    is_private: bool = False
    is_gated: bool = False

    @property
    def commit(self) -> str:
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()


class Hub(ThreadingHTTPServer):
    """`repositories` by name; `asked` are (method, path) in order; `mood` makes it answer with that status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, Repository] = {}
        self.asked: list[tuple[str, str]] = []
        self.mood = 0
        self.claims_bytes: int | None = None
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *args: object) -> None:
        pass

    @property
    def is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def do_POST(self) -> None:
        path, body = self._begin("POST")
        if self.server.mood:
            return self._json({"error": "no"}, self.server.mood)
        if not self.is_known:
            return self._json({"error": "Invalid username or password."}, 401)
        parts = path.split("/")
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        name, what = "/".join(parts[3:5]), "".join(parts[5:6])
        if what == "preupload":
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self._json({"files": files})
        if what == "commit":
            return self._commit(name, body)
        if what == "hardware":
            self.server.repositories[name].hardware = flavor = json.loads(body)["flavor"]
            return self._json({"stage": "BUILDING", "hardware": {"current": None, "requested": flavor}})
        self._json({"error": f"{path} is not known here"}, 404)

    def _create(self, asked: dict) -> None:
        owner = asked.get("organization") or OWNER
        if owner != OWNER:
            return self._json({"error": "You don't have the rights to create a model under this namespace"}, 403)
        name = f"{owner}/{asked['name']}"
        self.server.repositories.setdefault(
            name,
            Repository(
                is_private=asked.get("visibility") == "private" or bool(asked.get("private")),
                kind=asked.get("type") or "model",
            ),
        )
        self._json({"url": f"{self.server.url}/{name}", "name": name, "id": name})

    def _commit(self, name: str, body: bytes) -> None:
        repository = self.server.repositories[name]
        for line in body.decode().splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                repository.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            if entry["key"] == "deletedFile":
                del repository.files[entry["value"]["path"]]
        address = f"{self.server.url}/{name}/commit/{repository.commit}"
        self._json({"success": True, "commitOid": repository.commit, "commitUrl": address, "hookOutput": ""})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path, _ = self._begin(self.command)
        if self.server.mood:
            return self._json({"error": "no"}, self.server.mood)
        parts = path.strip("/").split("/")
        is_question = parts[:2] in (["api", "models"], ["api", "spaces"])
        repository = self.server.repositories.get("/".join(parts[2:4] if is_question else parts[:2]))
        if is_question and repository is not None and parts[4:5] == ["tree"]:
            files = [{"type": "file", "path": path, "size": 0, "oid": "0"} for path in repository.files]
            return self._json(files)
        if is_question and repository is not None:
            return self._json({"id": "/".join(parts[2:4]), "private": repository.is_private})
        if not is_question and (len(parts) < 5 or parts[2] != "resolve"):
            return self._json({"error": f"{path} is not known here"}, 404)
        if repository is None or (repository.is_private and not self.is_known):
            return self._json({"error": "Repository not found"}, 404 if self.is_known else 401, "RepoNotFound")
        if repository.is_gated:
            return self._json({"error": "Access is restricted"}, 403, "GatedRepo")
        if parts[3] not in ("main", repository.commit):
            return self._json({"error": "Revision not found"}, 404, "RevisionNotFound")
        if parts[4] not in repository.files:
            return self._json({"error": "Entry not found"}, 404, "EntryNotFound")
        self._file(repository, repository.files[parts[4]])

    def _file(self, repository: Repository, data: bytes) -> None:
        self.send_response(200)
        self.send_header("X-Repo-Commit", repository.commit)
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        if self.server.claims_bytes and self.command == "HEAD":
            self.send_header("X-Linked-Size", str(self.server.claims_bytes))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def _begin(self, method: str) -> tuple[str, bytes]:
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((method, path))
        return path, self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _json(self, value: dict | list, status: int = 200, code: str = "") -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
