"""A class's lab as a class has it: behind a proxy with TLS and a sub-path, with a code, and asked to end in a run."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT, START_SECONDS, Server, Visitor, _free_port
from made_pictures import picture
from small_proxy import CERTIFICATE, Proxy
from tiny_runs import wait_until

from resnet_demo.runs.store import RunStore

CODE, TOKEN = "K7PM-3XQD", "chalk and cheese"
pytestmark = [pytest.mark.slow, pytest.mark.ui]


@contextmanager
def lab(folder: Path, *options: str) -> Iterator[Server]:
    """`python app.py` with these options; ended, if it still is there, by force."""
    port, home = _free_port(), folder / "home"
    environment = {
        **os.environ, "RESNET_DEMO_HOME": str(home), "RESNET_DEMO_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        "TMPDIR": str(folder / "tmp"), "TORCH_HOME": str(home / "torch"),
    }  # fmt: skip
    environment.pop("GRADIO_TEMP_DIR", None)
    (folder / "tmp").mkdir(exist_ok=True)
    with (folder / "app.log").open("ab") as log:
        command = [sys.executable, "app.py", "--port", str(port), *options]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            server = Server(f"{'https' if '--tls-cert' in options else 'http'}://127.0.0.1:{port}/", home, process)
            wait_until(lambda: process.poll() is not None or _health(server), START_SECONDS)
            assert process.poll() is None, Path(log.name).read_text()[-3000:]
            yield server
        finally:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def classroom(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    words = ["--class", "4", "--minutes", "40", "--class-code", CODE, "--teacher-token", TOKEN, "--root-path", "/lab"]
    with lab(folder, *words) as server:
        port = int(server.url.rsplit(":", 1)[1].strip("/"))
        proxy = Proxy(port, "/lab")
        yield server, proxy, folder
        proxy.shutdown()


@pytest.fixture
def guest(chromium, classroom):
    server, proxy, _ = classroom
    guest = Visitor(chromium, Server(proxy.url, server.home, server.process))
    yield guest
    for context in guest.contexts:
        context.close()
    assert not guest.problems, "\n".join(guest.problems)


def test_a_visitor_signs_in_uploads_and_trains_through_the_proxy(guest, classroom, tmp_path):
    server, proxy, _ = classroom
    context = guest.chromium.new_context(locale="en-US", ignore_https_errors=True)
    guest.contexts.append(context)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: guest.problems.append(f"page error: {error}"))
    page.on("request", guest._watch)
    page.goto(f"{proxy.url}?data=fashion-mnist-small&steps=400&code={CODE}", wait_until="domcontentloaded")
    assert page.url.startswith(f"{proxy.url}login?")
    page.get_by_label("Your name").fill("Ada")
    assert page.get_by_label("Class code").input_value() == CODE
    page.get_by_role("button").click()
    page.wait_for_function("document.querySelector('#hand textarea, #hand input')?.value.startsWith('{')")
    assert page.url.startswith(f"{proxy.url}?") and "code=" not in page.url and "steps=400" in page.url
    assert "Ada" in page.locator("#who summary").inner_text()
    page.locator("#train-start").click()
    page.wait_for_function("document.querySelectorAll('#run-view svg path').length > 0")
    runs = RunStore(server.home / "runs")
    run = wait_until(lambda: next(iter(runs.runs()), None))
    wait_until(lambda: run.history().step > 5)
    assert run.config.owner.name == "Ada"
    page.get_by_role("tab", name="Classify").click()
    (tmp_path / "x.png").write_bytes(picture())
    page.locator(".verdict").first.wait_for()  # of an example
    with page.expect_response(lambda answer: "/lab/gradio_api/upload?" in answer.url) as uploaded:
        page.locator("#classify-picture input[type=file]").first.set_input_files(tmp_path / "x.png")
    assert uploaded.value.ok and any("POST /lab/gradio_api/upload" in line for line in proxy.seen)
    started = time.monotonic()
    assert all(_health(server)["status"] == "ok" for _ in range(20))
    assert time.monotonic() - started < 5  # milliseconds each, when nobody else keeps the machine busy


def _health(server: Server) -> dict | None:
    """What /healthz says; None while nobody listens."""
    unverified = ssl._create_unverified_context() if server.url.startswith("https") else None
    try:
        with urllib.request.urlopen(f"{server.url}healthz", timeout=10, context=unverified) as answer:
            return json.load(answer)
    except OSError:
        return None


def test_gradio_client_signs_in(classroom):
    from gradio_client import Client
    from gradio_client.exceptions import AuthenticationError

    _, proxy, _ = classroom
    with pytest.raises(AuthenticationError):
        Client(proxy.url, auth=("Bob", "wrong code"), ssl_verify=False, verbose=False)
    client = Client(proxy.url, auth=("Bob", CODE), ssl_verify=False, verbose=False)
    assert len(client.predict(api_name="/models")) > 10
    assert [run["owner"] for run in client.predict(api_name="/runs")][-1:] in ([], ["Ada"])


def test_the_pages_curl_commands(classroom, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    server, _, _ = classroom
    text = (ROOT / "docs" / "CLASSROOM.md").read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith("curl ")]
    told = [
        subprocess.run(
            shlex.split(line.replace("http://localhost:7860/", f"{server.url}lab/")),
            cwd=tmp_path, capture_output=True, check=True, timeout=60,
        ).stdout
        for line in commands
    ]  # fmt: skip
    assert json.loads(told[0]) == {"success": True} and len(json.loads(told[1])["data"][0]) > 10


@pytest.mark.skipif(os.name == "nt", reason="busy: Windows ends processes without asking them")
def test_the_end_of_the_server_saves_its_run_which_goes_on_at_the_next_start(classroom):
    from gradio_client import Client

    server, proxy, folder = classroom
    client = Client(proxy.url, auth=("Eve", CODE), ssl_verify=False, verbose=False)
    for other in [run for run in RunStore(server.home / "runs").runs() if run.status().is_active]:
        client.predict(run=other.id, key=TOKEN, api_name="/stop_run")
    told = client.predict(dataset="fashion-mnist-small", max_steps=100_000, key=TOKEN, api_name="/start_run")
    run = RunStore(server.home / "runs").get(told["id"])
    wait_until(lambda: run.history().step > 3)
    pid = run.status().pid
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(40) == 0
    status, shown = run.status(), run.history().step
    assert (status.state, status.task, status.ticket) == ("queued", "resume", 0) and run.resume_path.exists()
    assert not list((folder / "tmp").glob("resnet-lab-*"))
    wait_until(lambda: not _is_there(pid), 10)
    with lab(folder, "--tls-cert", str(CERTIFICATE), "--tls-key", str(CERTIFICATE)) as again:
        wait_until(lambda: run.history().step > shown)
        again.process.send_signal(signal.SIGINT)
        assert again.process.wait(40) == 0
    assert run.history().step >= shown and "Traceback" not in (folder / "app.log").read_text()


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
