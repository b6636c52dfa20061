"""The shell: sentences for failures, every word in the table, the page's options, who executes where."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest

from resnet_demo.errors import LabError, UnknownModel
from resnet_demo.runs.executors import ProcessExecutor
from resnet_demo.runs.zero_gpu import ZeroGpuExecutor
from resnet_demo.ui import launch_options, page
from resnet_demo.ui.failures import guarded
from resnet_demo.ui.strings import LANGUAGES, say
from resnet_demo.ui.words import dataset_title, model_title, seconds_words

ROOT = Path(__file__).resolve().parent.parent
SAYING = ("say", "notice", "problem")  # what takes a key of the strings


def test_a_lab_error_keeps_its_words_and_anything_else_becomes_an_id(caplog):
    def foreseen():
        raise UnknownModel(name="x", known=["resnet20"])

    def unforeseen():
        raise RuntimeError("/secret/path")

    with pytest.raises(gr.Error, match="no model called “x”"):
        guarded(foreseen)()
    with pytest.raises(gr.Error, match="did not foresee") as error:
        guarded(unforeseen)()
    assert "secret" not in str(error.value) and "secret" in caplog.text


def test_a_guarded_handler_looks_like_itself():
    def handler(hand: str, event: gr.EventData) -> str:
        return hand

    assert guarded(handler).__name__ == "handler" and inspect.unwrap(guarded(handler)) is handler


def test_every_key_that_is_said_exists():
    """Keys written out in the code; those put together from parts are walked by the tests of their tabs."""
    said = set()
    for file in (ROOT / "resnet_demo" / "ui").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", "") in ("say", "notice", "problem")
                and node.args
            ):
                key = node.args[0]
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    said.add(key.value)
    assert said and not said - set(LANGUAGES["en"].words)
    with pytest.raises(KeyError):
        say("no.such.key")


def test_names_and_times_as_people_write_them():
    assert [model_title(name) for name in ("resnet20", "plain56", "resnet18-d2l", "mine")] == [
        "ResNet-20", "Plain-56", "ResNet-18-d2l", "mine",
    ]  # fmt: skip
    assert dataset_title("/data/my pictures/") == "my pictures" and dataset_title("mnist") == "MNIST"
    assert [seconds_words(s) for s in (0.2, 60, 125, 180, 4320)] == ["0 s", "60 s", "2 min 5 s", "3 min", "1 h 12 min"]


def test_the_page_keeps_to_itself():
    options = launch_options()
    assert not options["show_error"] and not options["ssr_mode"] and not options["run_history"]
    fonts = [font for font in options["theme"]._font if isinstance(font, gr.themes.Font)]
    assert all(not isinstance(font, gr.themes.GoogleFont) for font in fonts)


def test_processes_train_here_and_a_decorated_generator_on_zerogpu(tmp_path, monkeypatch):
    assert isinstance(page._executor(tmp_path), ProcessExecutor)
    asked = {}
    stand_in = SimpleNamespace(GPU=lambda **options: asked.update(options) or (lambda fn: fn))
    monkeypatch.setitem(sys.modules, "spaces", stand_in)
    monkeypatch.setenv("SPACES_ZERO_GPU", "1")
    assert isinstance(page._executor(tmp_path), ZeroGpuExecutor) and callable(asked["duration"])


def test_help_needs_no_gradio():
    start = time.monotonic()
    done = subprocess.run([sys.executable, "app.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(option in done.stdout for option in ("--host", "--port", "--share", "--data-home"))
    assert time.monotonic() - start < 3


def test_errors_are_sentences():
    assert all(kind.template.rstrip().endswith((".", "}")) for kind in _all_kinds(LabError))


def _all_kinds(kind):
    return [kind, *(below for child in kind.__subclasses__() for below in _all_kinds(child))]
