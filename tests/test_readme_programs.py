"""The README's section “From other programs”, run as it stands against a page that is up."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "http://127.0.0.1:7860"
SHOWN = ("models", "layers", "start_run", "run_status", "stop_run", "classify", "evaluate")


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## From other programs\n")[1].split("\n## ")[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where the examples are run: there is a `picture.png`."""
    Image.new("L", (40, 30), 90).save(tmp_path / "picture.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(answers: dict[str, Any]) -> None:
    """Every endpoint's answer is what its example is about."""
    assert "resnet20" in [row["name"] for row in answers["models"]]
    assert answers["layers"]["total_params"] == 11_173_962
    assert answers["run_status"]["model"] == "resnet20" and answers["run_status"]["status"] in ("queued", "running")
    assert answers["stop_run"]["id"] == answers["run_status"]["id"]
    (row,) = answers["classify"]
    assert row["image"] == "picture.png" and len(row["top"]) == 5
    assert answers["evaluate"]["n"] == 2000 and answers["evaluate"]["accuracy"] > 0.8


def test_the_library(folder):
    found: dict[str, Any] = {}
    exec(blocks("python")[0], found)
    assert not found["model"].training and found["card"]["model"] == "resnet20"


def test_gradio_client(folder, server):
    code = blocks("python")[1]
    assert re.findall(r'api_name="/(\w+)"', code) == list(SHOWN)
    found: dict[str, Any] = {}
    exec(code.replace(ADDRESS, server.url.rstrip("/")), found)
    kept_as = ("models", "table", "run", "status", "stopped", "answers", "result")
    check({name: found[kept] for name, kept in zip(SHOWN, kept_as)})


def test_curl(folder, server):
    if not (shutil.which("curl") and shutil.which("sh")):
        pytest.skip("there is no curl on this machine")
    (code,) = blocks("sh")
    asked = re.findall(r"ask (\w+) '", code)
    assert asked == list(SHOWN)
    script = code.replace(ADDRESS, server.url.rstrip("/"))
    done = subprocess.run(["sh", "-euc", script], cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and not done.stderr, done.stderr
    printed = [name for name in asked if name != "start_run"]
    lines = done.stdout.splitlines()
    assert len(lines) == len(printed), done.stdout
    check({name: json.loads(line)[0] for name, line in zip(printed, lines)})
