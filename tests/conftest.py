"""The page as visitors meet it: `python app.py` in a process of its own, and a Chromium whose complaints are noted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.chromium import ARGUMENTS, chromium_path

ROOT = Path(__file__).resolve().parent.parent
HERE = ("127.0.0.1", "localhost", "::1")
START_SECONDS = 180.0
# A shell's background job ignores it, and so would every server that is started here and asked to end in that way.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True)
class Server:
    """A page that is up at `url`, with its runs and data under `home`."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("home")
    port = _free_port()
    environment = {
        **os.environ,
        "RESNET_DEMO_HOME": str(home),
        "GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("uploads")),
        "NO_PROXY": ",".join(HERE),
        "RESNET_DEMO_OFFLINE": "1",  # no test asks anybody outside
        "TORCH_HOME": str(home / "torch"),
        "RESNET_DEMO_TEST_MARK": str(home / "MARK"),  # the file that what is hidden in bad inputs would make
    }
    with (tmp_path_factory.mktemp("log") / "app.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            _await(f"http://127.0.0.1:{port}/", process, Path(log.name))
            yield Server(f"http://127.0.0.1:{port}/", home, process)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    pytest.fail(f"app.py did not come up:\n{log.read_text(errors='replace')[-3000:]}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser; without one these tests are skipped, except where nothing may be (CI)."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = chromium_path()
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no Chromium on this machine")
    with playwright.sync_playwright() as session:
        browser = session.chromium.launch(executable_path=path, headless=True, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def expect() -> Any:
    """Playwright's, with patience for a page that shares two cores with a training."""
    playwright = pytest.importorskip("playwright.sync_api")
    playwright.expect.set_options(timeout=30_000)
    return playwright.expect


@dataclass
class Visitor:
    """Opens pages, each in a browser of its own, and notes what none of them should do."""

    chromium: Any
    server: Server
    problems: list[str] = field(default_factory=list)
    contexts: list[Any] = field(default_factory=list)
    was_aborted: bool = False

    def open(
        self, words: str = "", *, width: int = 1280, height: int = 900, locale: str = "en-US", **options: Any
    ) -> Any:
        """A page that has loaded, at `words` behind the address (such as `?model=plain20`)."""
        viewport = {"width": width, "height": height}
        context = self.chromium.new_context(viewport=viewport, locale=locale, **options)
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("request", self._watch)
        page.goto(self.server.url + words, wait_until="domcontentloaded")
        self.await_page(page)
        return page

    def await_page(self, page: Any) -> None:
        """Until the page, in whatever language, has loaded and has something in hand."""
        page.locator("#tab-train-button").wait_for()
        page.wait_for_function("document.querySelector('#hand textarea, #hand input')?.value.startsWith('{')")

    def _hear(self, message: Any) -> None:
        if message.type == "error" and not self._is_parting(message.text):
            self.problems.append(f"console: {message.text}")

    def _is_parting(self, text: str) -> bool:
        """Gradio's own client says that the browser aborted its requests when a page is left with answers under way."""
        self.was_aborted = self.was_aborted or text.startswith("AbortError: signal is aborted")
        return self.was_aborted and (text.startswith("AbortError") or "Connection errored out" in text)

    def _watch(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname not in HERE:
            self.problems.append(f"outside request: {request.url}")


@pytest.fixture
def visitor(chromium: Any, server: Server) -> Iterator[Visitor]:
    """Who visits the page; at the end of a test nothing may have gone to the console as an error, or outside."""
    visitor = Visitor(chromium, server)
    yield visitor
    for context in visitor.contexts:
        context.close()
    assert not visitor.problems, "\n".join(visitor.problems)


MAY_BE_MISSING = ("no copy of CIFAR-10", "busy")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """In CI a test that skips itself for want of a tool or a package has failed."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and os.environ.get("CI") and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2])
        if not any(words in reason for words in MAY_BE_MISSING):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} may not be skipped in CI: {reason}"
