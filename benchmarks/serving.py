"""A lab that is being measured: its server in a process of its own, and visitors who do what a browser does."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from resnet_demo.runs.store import RunStore

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 180.0


class Refused(Exception):
    """The lab said no, with a sentence for its visitor."""


class Lab:
    """A server on this machine's loopback; its runs can be read from disk."""

    def __init__(self, url: str, home: Path, process: subprocess.Popen) -> None:
        self.url, self.process = url, process
        self.store = RunStore(home / "runs")
        self.config = json.load(urllib.request.urlopen(f"{url}/config?page=", timeout=60))

    def processes(self) -> list[psutil.Process]:
        """The server's own process first, then its workers."""
        server = psutil.Process(self.process.pid)
        return [server, *server.children(recursive=True)]

    def cpu_seconds(self) -> tuple[float, float]:
        """-> (the server's own, its living workers')"""
        times = []
        for process in self.processes():
            try:
                spent = process.cpu_times()
                times.append(spent.user + spent.system)
            except psutil.Error:
                times.append(0.0)
        return times[0], sum(times[1:])

    def memory_mb(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def holdings(self) -> dict[str, float]:
        """What the server holds now: MB of memory, threads, open files and sockets, processes, files of uploads."""
        server, uploads = psutil.Process(self.process.pid), self.store.root.parent / "uploads"
        return {
            "memory_mb": self.memory_mb(), "threads": server.num_threads(), "open": server.num_fds(),
            "processes": len(self.processes()), "uploads": sum(1 for path in uploads.rglob("*") if path.is_file()),
        }  # fmt: skip

    def await_calm(self, seconds: float = 90.0) -> None:
        """Waits until nothing is trained and the spare worker has loaded all that it loads ahead."""
        deadline, before = time.monotonic() + seconds, -1.0
        while time.monotonic() < deadline:
            time.sleep(1.5)
            now = self.cpu_seconds()[1]
            if len(self.processes()) > 1 and 0 <= now - before < 0.05:
                return
            before = now


@contextmanager
def serve(home: Path, *arguments: str) -> Iterator[Lab]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1,localhost", "GRADIO_TEMP_DIR": str(home / "uploads")}
    command = [sys.executable, str(ROOT / "app.py"), "--host", "127.0.0.1", "--port", str(port)]
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--data-home", str(home), *arguments], stdout=log, stderr=log, env=environment, cwd=ROOT
        )
    try:
        yield _up(f"http://127.0.0.1:{port}", home, process)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _up(url: str, home: Path, process: subprocess.Popen) -> Lab:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return Lab(url, home, process)
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise SystemExit((home / "server.log").read_text(errors="replace")[-3000:])


class Visitor:
    """One browser: its own identity, one connection that it keeps, and the page's controls as the page has them."""

    def __init__(self, lab: Lab, name: str = "visitor") -> None:
        self.lab, self.name = lab, name
        self.secret, self.session = secrets.token_hex(16), secrets.token_hex(6)
        self.who = json.dumps({"secret": self.secret, "name": name})
        self.parts = {part["props"].get("elem_id"): part for part in lab.config["components"]}
        self._connection = http.client.HTTPConnection(urlsplit(lab.url).netloc, timeout=60)

    def look(self) -> float:
        """Loads the page.  -> seconds"""
        start = time.perf_counter()
        self._ask("GET", "/")
        return time.perf_counter() - start

    def reload(self) -> float:
        self.session = secrets.token_hex(6)
        return self.look()

    def poll(self, *shown: str, since: str = "") -> tuple[float, Any]:
        """Asks how runs stand, as the curves do every second.  -> (seconds, the answer)"""
        asked = [self.who, *(word for run in shown or ("",) for word in (run, since))]
        body = {"session_hash": self.session, "component_id": self.parts["run-view"]["id"], "fn_name": "snapshot"}
        start = time.perf_counter()
        answer = self._ask("POST", "/gradio_api/component_server", {**body, "data": asked})
        told = json.loads(answer)  # a text of JSON: Gradio does not walk through texts
        return time.perf_counter() - start, json.loads(told) if isinstance(told, str) else told

    def start(self, **values: Any) -> str:
        """Clicks Start with these controls (by element id, dashes as underscores).  -> the run's id

        Raises: Refused.
        """
        given = {name.replace("_", "-"): value for name, value in values.items()}
        hand = self.press("train-start", "click", {"hand": "{}", **given})[0]
        return json.loads(hand)["run"]

    def stop(self, run: str) -> None:
        """Clicks Stop, or Leave the line.  Raises: Refused."""
        event = {"run": run, "what": "stop", "extra": ""}
        self.press("run-view", "act", {"hand": json.dumps({"run": run})}, event)

    def press(
        self, element: str, event: str, values: dict[str, Any], data: dict[str, Any] | None = None, fills: str = ""
    ) -> list[Any]:
        """Fires an event of the page with the values that its inputs have.  -> what its outputs become

        Where several handlers listen, it is the one that fills the element `fills`.  Raises: Refused.
        """
        wanted = [self.parts[element]["id"], event]
        called = next(
            call
            for call in self.lab.config["dependencies"]
            if wanted in map(list, call["targets"]) and (not fills or self.parts[fills]["id"] in call["outputs"])
        )
        names = {part["id"]: part for part in self.parts.values()}
        given = {"visitor": self.who, **values}
        inputs = [self._value(names.get(number), given) for number in called["inputs"]]
        body = {"data": inputs, "event_data": data, "fn_index": called["id"], "session_hash": self.session}
        body["trigger_id"] = wanted[0]
        if called["queue"] is False:
            return json.loads(self._ask("POST", "/gradio_api/run/predict?__theme=light", body))["data"]
        self._ask("POST", "/gradio_api/queue/join?__theme=light", body)
        return self._await_end()

    def _value(self, part: dict[str, Any] | None, given: dict[str, Any]) -> Any:
        props = part["props"] if part else {}
        name = props.get("elem_id")
        return given[name] if name in given else props.get("value")

    def _await_end(self) -> list[Any]:
        """Reads the session's stream until the event is over."""
        connection = http.client.HTTPConnection(urlsplit(self.lab.url).netloc, timeout=120)
        connection.request("GET", f"/gradio_api/queue/data?session_hash={self.session}")
        answer = connection.getresponse()
        try:
            for line in answer:
                if not line.startswith(b"data:"):
                    continue
                message = json.loads(line[5:])
                if message["msg"] == "process_completed":
                    return self._outcome(message)
                if message["msg"] in ("unexpected_error", "queue_full"):
                    raise RuntimeError(str(message))
            raise RuntimeError("the stream ended before the event did")
        finally:
            connection.close()

    def _outcome(self, message: dict[str, Any]) -> list[Any]:
        output = message["output"]
        if message["success"]:
            return output["data"]
        raise Refused(output.get("error") or str(output))

    def classify(self, picture: bytes, checkpoint: str) -> Any:
        """Sends a picture and asks what it is, by the public endpoints."""
        file = self.upload(picture)
        asked = self._ask("POST", "/gradio_api/call/classify", {"data": [[file], checkpoint, 3]})
        answer = self._ask("GET", f"/gradio_api/call/classify/{json.loads(asked)['event_id']}").decode()
        if "event: complete" not in answer:
            raise Refused(answer[-300:])
        return json.loads(answer.rpartition("data:")[2])[0]

    def show(self, picture: dict[str, Any], checkpoint: str) -> str:
        """Puts an uploaded picture into the Classify tab.  -> the bars, as HTML"""
        hand = json.dumps({"checkpoint": checkpoint})
        given = {"hand": hand, "classify-picture": picture}
        self.press("classify-picture", "upload", given)
        self.press("classify-picture", "change", given, fills="classify-why")
        return self.press("classify-picture", "change", given, fills="classify-bars")[1]

    def upload(self, content: bytes, name: str = "picture.png") -> dict[str, Any]:
        """-> the file as components take it"""
        mark = secrets.token_hex(8)
        head = f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
        kind = {"Content-Type": f"multipart/form-data; boundary={mark}"}
        path = json.loads(self._ask("POST", "/gradio_api/upload", body, kind))[0]
        return {"path": path, "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def _ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> bytes:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = headers or ({"Content-Type": "application/json"} if data else {})
        try:
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (http.client.HTTPException, OSError):
            self._connection.close()  # the server closes connections that it has not heard of for a while
            self._connection.request(method, path, data, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:200]!r}")
        return text


def speed_of(lab: Lab, run_id: str) -> float:
    """Pictures a second of a run's steps: the median, so that neither its first steps nor validation count."""
    history = lab.store.get(run_id).history()
    speeds = sorted(step.images_per_second for step in history.steps[2:])
    return speeds[len(speeds) // 2] if speeds else 0.0
