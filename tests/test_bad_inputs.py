"""Four hundred files that nobody should open: each gets one sentence. A few are quick, all of them slow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import bad_inputs
import bad_inputs_cli
import pytest

pytestmark = pytest.mark.filterwarnings("ignore")  # of the readers of such files
ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 1_500_000_000
LONGEST_SENTENCE = 450
MOST_SECONDS = 60.0  # for one file, on a busy machine


def is_wrong(row: dict) -> bool:
    """Whether what came of a file is neither one plain sentence and code 2 nor, for those that may pass, a result."""
    said = row["said"]
    is_sentence = row["code"] == 2 and said.count("\n") == 1 and 20 < len(said) < LONGEST_SENTENCE
    is_plain = not any(word in said for word in ("Traceback", "Error:", "Something went wrong"))
    return not (is_sentence and is_plain) and not (row["may_pass"] and row["code"] == 0)


def test_a_few_of_every_sort(tmp_path, monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(bad_inputs.MARK, str(tmp_path / "MARK"))
    (tmp_path / "in").mkdir()
    asked = bad_inputs_cli.asked(tmp_path, bad_inputs.sample())
    rows = [bad_inputs_cli.result(tmp_path, bad, command) for bad, command in asked]
    assert not [row for row in rows if is_wrong(row)] and len(rows) > 80
    assert not list((tmp_path / "in").iterdir()) and not (tmp_path / "MARK").exists()


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> list[dict]:
    """What the command line made of every bad input, and the most memory it used."""
    place = tmp_path_factory.mktemp("bad")
    environment = {**os.environ, "RESNET_DEMO_HOME": str(place / "home"), bad_inputs.MARK: str(place / "MARK"),
                   "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}  # fmt: skip
    command = [sys.executable, "-W", "ignore", str(ROOT / "tests" / "bad_inputs_cli.py"), str(place)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    left = sorted(item.name for item in place.iterdir() if item.name != "home")
    assert left == ["good.safetensors", "grey.png", "in"]
    assert not [item for item in (place / "home").rglob("*") if item.is_file()] and not list((place / "in").iterdir())
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
class TestAllOfThem:
    def test_there_are_at_least_two_hundred(self, told):
        assert len({row["name"] for row in told if "name" in row}) >= 200

    def test_each_gets_one_clear_sentence(self, told):
        assert not [(row["name"], row["code"], row["said"][:200]) for row in told[:-1] if is_wrong(row)]

    def test_none_takes_long_or_much_memory(self, told):
        assert max(row["seconds"] for row in told[:-1]) < MOST_SECONDS
        assert told[-1]["bytes"] < MOST_BYTES
