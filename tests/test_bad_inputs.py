"""Four hundred files that nobody should open, through the command line and the HTTP API: each gets one sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import bad_inputs
import psutil
import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 1_500_000_000
LONGEST_SENTENCE = 450
MOST_SECONDS = 60.0  # for one file, on a busy machine


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> list[dict]:
    """What the command line made of every bad input, and the most memory it used."""
    place = tmp_path_factory.mktemp("bad")
    environment = {**os.environ, "RESNET_DEMO_HOME": str(place / "home"), bad_inputs.MARK: str(place / "MARK"),
                   "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}  # fmt: skip
    command = [sys.executable, "-W", "ignore", str(ROOT / "tests" / "bad_inputs_cli.py"), str(place)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(item.name for item in place.iterdir() if item.name != "home") == [
        "good.safetensors",
        "grey.png",
        "in",
    ]
    assert not [item for item in (place / "home").rglob("*") if item.is_file()] and not list((place / "in").iterdir())
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_there_are_at_least_two_hundred(told):
    assert len({row["name"] for row in told if "name" in row}) >= 200


def test_each_gets_one_clear_sentence(told):
    wrong = []
    for row in told[:-1]:
        is_sentence = row["code"] == 2 and row["said"].count("\n") == 1 and 20 < len(row["said"]) < LONGEST_SENTENCE
        is_plain = not any(word in row["said"] for word in ("Traceback", "Error:", "Something went wrong"))
        if not (is_sentence and is_plain) and not (row["may_pass"] and row["code"] == 0):
            wrong.append((row["name"], row["code"], row["said"][:200]))
    assert not wrong


def test_none_takes_long_or_much_memory(told):
    assert max(row["seconds"] for row in told[:-1]) < MOST_SECONDS
    assert told[-1]["bytes"] < MOST_BYTES


def test_every_picture_through_the_server(server, tmp_path):
    """Uploaded and classified over HTTP; afterwards the server answers, is not larger, and has written nothing."""
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    client = Client(server.url, verbose=False)
    good = add_shipped(server)
    before = {item for item in server.home.rglob("*") if item.is_file()}
    wrong, most = [], 0
    process = psutil.Process(server.process.pid)
    for bad in bad_inputs.pictures():
        if bad.name.startswith("zeros-") or bad.name == "large.bin":
            continue
        path = tmp_path / bad.name.encode("ascii", "ignore").decode().replace("/", "_").replace("<", "_").replace(
            ">", "_"
        )
        path.write_bytes(bad.data)
        try:
            client.predict(images=[handle_file(str(path))], checkpoint=good, top=1, api_name="/classify")
            wrong += [] if bad.may_pass else [(bad.name, "was answered")]
        except AppError as error:
            is_sentence = (
                "cannot be used" in str(error) and "\n" not in str(error) and len(str(error)) < LONGEST_SENTENCE
            )
            wrong += [] if is_sentence else [(bad.name, str(error)[:200])]
        most = max(most, process.memory_info().rss)
    assert not wrong and most < MOST_BYTES
    assert {item.name for item in set(server.home.rglob("*")) - before if item.is_file()} <= {"measured.json"}
    (tmp_path / "good.png").write_bytes(bad_inputs._saved("PNG"))
    answer = client.predict(
        images=[handle_file(str(tmp_path / "good.png"))], checkpoint=good, top=1, api_name="/classify"
    )
    assert len(answer[0]["top"]) == 1


def add_shipped(server) -> str:
    """A run whose weights the server can classify with."""
    from resnet_demo.recipes import RECIPES
    from resnet_demo.runs.config import new_config
    from resnet_demo.runs.status import Status
    from resnet_demo.runs.store import RunStore
    from resnet_demo.specs import find_model

    run = RunStore(server.home / "runs").create(
        new_config(find_model("resnet9-slim"), "fashion-mnist-small", RECIPES["budget"])
    )
    run.best_path.write_bytes(bad_inputs.carded())
    run.set_status(Status("finished", test_accuracy=0.5))
    return run.id
