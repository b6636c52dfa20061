"""A download comes whole or ends in one sentence. All against a server on this machine."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from resnet_demo import fetch
from resnet_demo.errors import DataUnavailable, DiskFull, DownloadFailed

CONTENT = bytes(range(256)) * 2000
MD5 = hashlib.md5(CONTENT).hexdigest()
INSTEAD = "Try again, or train on the small set that ships with the lab."


class Misbehaving(BaseHTTPRequestHandler):
    """The path says what goes wrong."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.asked.append(self.path)
        getattr(self, self.path.strip("/").split("/")[0])()

    def answer(self, body: bytes, announced: int | None = None):
        self.send_response(200)
        if announced is not None:
            self.send_header("Content-Length", str(announced))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def good(self):
        self.answer(CONTENT, len(CONTENT))

    def unannounced(self):
        self.answer(CONTENT)

    def moved(self):
        self.send_response(302)
        self.send_header("Location", "/good")
        self.end_headers()

    def missing(self):
        self.send_error(404)

    def wrong(self):
        self.answer(CONTENT[::-1], len(CONTENT))

    def cut(self):
        self.answer(CONTENT[:1000], len(CONTENT))

    def cut_unannounced(self):
        self.answer(CONTENT[:1000])

    def endless(self):
        self.answer(CONTENT * 2)

    def silent(self):
        self.server.end.wait(30)

    def stalling(self):
        self.answer(CONTENT[:1000], len(CONTENT))
        self.server.end.wait(30)

    def dripping(self):
        self.answer(CONTENT[:1000], len(CONTENT))
        try:
            while not self.server.end.wait(0.05):
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            return

    def dripping_header(self):
        try:
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            while not self.server.end.wait(0.05):
                self.wfile.write(b"X-More: x\r\n")
                self.wfile.flush()
        except OSError:
            return

    def garbage(self):
        self.wfile.write(b"this is not HTTP\r\n\r\n")


@pytest.fixture
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Misbehaving) as httpd:
        httpd.daemon_threads, httpd.asked, httpd.end = True, [], threading.Event()
        httpd.url = f"http://127.0.0.1:{httpd.server_port}/"
        threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
        yield httpd
        httpd.end.set()
        httpd.shutdown()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_TIMEOUT", "0.4")
    monkeypatch.delenv("RESNET_DEMO_OFFLINE", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def get(url: str, path, seen: list | None = None, what: str = "Fashion-MNIST") -> None:
    job = fetch.Job(url, path, MD5, len(CONTENT))
    note = (lambda *told: None) if seen is None else (lambda *told: seen.append(told))
    fetch.download_all([job], what=what, instead=INSTEAD, progress=note)


@pytest.mark.parametrize("how", ["good", "unannounced", "moved"])
def test_a_good_file_arrives_with_progress_and_only_once(server, tmp_path, how):
    seen, path = [], tmp_path / "deep" / "file.gz"
    get(server.url + how, path, seen)
    assert path.read_bytes() == CONTENT
    assert seen and all(text == "downloading Fashion-MNIST from 127.0.0.1" and 0 <= done <= 1 for text, done in seen)
    asked = len(server.asked)
    get(server.url + how, path)
    assert len(server.asked) == asked
    assert [item.name for item in path.parent.iterdir()] == ["file.gz"]


FAILURES = {
    "missing": "the server answered 404 (Not Found)",
    "silent": "the server did not answer in 0.4 s",
    "dripping_header": "the server did not answer in 0.4 s",
    "stalling": "after 0.0 of 0.5 MB, the server sent nothing more in 0.4 s",
    "dripping": "the server all but stopped sending after 0.0 of 0.5 MB",
    "cut": "the connection was cut off after 0.0 of 0.5 MB",
    "cut_unannounced": "the connection was cut off after 0.0 of 0.5 MB",
    "wrong": "what arrived is not the original file (its checksum is wrong)",
    "endless": "the server sends more than the file has",
    "garbage": "what 127.0.0.1 answered is not HTTP",
}


@pytest.mark.parametrize("how", FAILURES)
def test_a_failure_is_one_sentence_and_leaves_no_file(server, tmp_path, how):
    started = time.monotonic()
    with pytest.raises(DownloadFailed) as caught:
        get(server.url + how, tmp_path / "file.gz")
    assert time.monotonic() - started < 5
    sentence = str(caught.value)
    assert sentence.startswith(f"Fashion-MNIST could not be downloaded: {FAILURES[how]}")
    assert sentence.endswith(INSTEAD) and "\n" not in sentence
    assert list(tmp_path.iterdir()) == []


def test_after_a_failure_the_next_try_can_succeed(server, tmp_path):
    path = tmp_path / "file.gz"
    with pytest.raises(DownloadFailed):
        get(server.url + "cut", path)
    get(server.url + "good", path)
    assert path.read_bytes() == CONTENT


def test_a_wrong_file_in_its_place_is_fetched_again_and_kept_if_that_fails(server, tmp_path):
    path = tmp_path / "file.gz"
    path.write_bytes(b"half")
    with pytest.raises(DownloadFailed):
        get(server.url + "missing", path)
    assert path.read_bytes() == b"half"
    get(server.url + "good", path)
    assert path.read_bytes() == CONTENT


def test_a_refused_connection_is_one_sentence(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(DownloadFailed, match=r"127\.0\.0\.1 cannot be reached \(.*refused"):
        get(f"http://127.0.0.1:{port}/good", tmp_path / "file")


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "nonsense", ""])
def test_only_the_web_is_asked(tmp_path, url):
    with pytest.raises(DownloadFailed, match="is not an http or https address"):
        get(url, tmp_path / "file")


@pytest.mark.parametrize("value, is_offline", [("1", True), ("true", True), ("0", False), ("", False)])
def test_offline_asks_nobody(server, monkeypatch, tmp_path, value, is_offline):
    monkeypatch.setenv("RESNET_DEMO_OFFLINE", value)
    if is_offline:
        with pytest.raises(DataUnavailable, match="downloads are switched off"):
            get(server.url + "good", tmp_path / "file")
    else:
        get(server.url + "good", tmp_path / "file")
    assert bool(server.asked) is not is_offline


def test_what_a_killed_download_left_is_swept_up(server, tmp_path):
    old, new = tmp_path / ".file.gz.12345678.part", tmp_path / ".other.gz.12345678.part"
    for part in (old, new):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    get(server.url + "good", tmp_path / "file.gz")
    assert not old.exists() and new.exists()


def test_a_full_disk_and_a_locked_folder_have_their_own_sentences(server, monkeypatch, tmp_path):
    def no_room(*args):
        raise OSError(28, "No space left on device")

    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadFailed, match="cannot be written"):
        get(server.url + "good", tmp_path / "file" / "inside")
    monkeypatch.setattr(fetch.Job, "digest", no_room)
    with pytest.raises(DiskFull):
        get(server.url + "good", tmp_path / "other")


def test_a_progress_that_raises_stops_the_download(server, tmp_path):
    class Cancelled(Exception):
        pass

    def stop(*told):
        raise Cancelled

    with pytest.raises(Cancelled):
        fetch.download_all(
            [fetch.Job(server.url + "good", tmp_path / "file", MD5, len(CONTENT))],
            what="it", instead="", progress=stop,
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []
