"""A Space on ZeroGPU as its visitors meet it, by Gradio's launch, with the stand-in for `spaces`."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Server, Visitor, _await, _free_port
from tiny_runs import wait_until

from resnet_demo.runs.store import RunStore

pytestmark = [
    pytest.mark.slow,
    pytest.mark.ui,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="busy: ZeroGPU forks, which this system cannot"),
]


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    folder, port = tmp_path_factory.mktemp("space"), _free_port()
    shutil.copyfile(Path(__file__).with_name("spaces_stand_in.py"), folder / "spaces.py")
    environment = {
        **os.environ, "RESNET_DEMO_HOME": str(folder / "home"), "RESNET_DEMO_OFFLINE": "1", "OMP_NUM_THREADS": "1",
        "SPACES_ZERO_GPU": "true", "SPACE_ID": "ann/lab", "PYTHONPATH": str(folder),
        "STAND_IN_QUOTA_SECONDS": "111", "GRADIO_TEMP_DIR": str(folder / "uploads"), "NO_PROXY": "127.0.0.1,localhost",
    }  # fmt: skip
    with (folder / "app.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            _await(f"http://127.0.0.1:{port}/", process, Path(log.name))
            yield Server(f"http://127.0.0.1:{port}/", folder / "home", process)
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
        finally:
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None


@pytest.fixture
def guest(chromium, space):
    guest = Visitor(chromium, space)
    yield guest
    for context in guest.contexts:
        context.close()
    assert not guest.problems, "\n".join(guest.problems)


def test_start_says_what_the_chosen_length_costs(guest, expect):
    page = guest.open()
    expect(page.locator("#train-start")).to_have_text("Start: up to 30 s of your 2 minutes a day")
    page.locator("#train-length").get_by_label("30 s", exact=True).check()
    expect(page.locator("#train-start")).to_have_text("Start: up to 40 s of your 2 minutes a day")


def test_a_run_is_lent_a_gpu_and_when_the_time_is_gone_trains_on_the_cpu(guest, space, expect):
    page = guest.open("?model=resnet9-slim&data=fashion-mnist-small&steps=20")
    start = page.locator("#train-start")
    expect(start).to_have_text("Start: up to 110 s of your 2 minutes a day")
    page.wait_for_function("document.querySelector('#train-model input').value.includes('9-slim')")
    assert "a whole school may share them" in page.locator("#train-line").inner_text()
    assert "gone when it sleeps" in page.locator("#run-table").inner_text()
    start.click()
    runs = RunStore(space.home / "runs")
    first = wait_until(lambda: next(iter(runs.runs()), None))
    wait_until(lambda: first.status().state == "finished")
    assert first.status().test_accuracy is not None
    page.get_by_text("Classify with it").first.wait_for()
    start.click()
    page.get_by_text("is used up").first.wait_for()
    page.get_by_role("button", name="Train on the CPU instead").click()
    expect(start).to_have_text("Start on the CPU: costs nothing")
    start.click()
    third = wait_until(lambda: next((run for run in runs.runs() if run.config.gpus == 0), None))
    wait_until(lambda: third.status().state == "finished")
    assert len(runs.runs()) == 3
