"""The check itself: its steps and their order, where it stops, and the lowest versions it reads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from scripts.check import NEEDS, checks, floors, parser, run


def test_lint_format_types_tests_in_this_order():
    assert [name for name, _ in checks(False, ())] == ["lint", "format", "types", "tests"]
    assert [name for name, _ in checks(True, ())] == ["tables", "lint", "format", "types", "tests"]
    assert dict(checks(False, ["-k", "resume"]))["tests"] == ("pytest", "-k", "resume")


def test_what_it_does_not_know_goes_to_pytest():
    options, rest = parser().parse_known_args(["--quick", "tests/test_train.py", "-k", "resume", "--durations=3"])
    assert options.quick and not options.lowest and rest == ["tests/test_train.py", "-k", "resume", "--durations=3"]


def test_the_first_failure_ends_it(capfd):
    steps = [("one", ("platform",)), ("two", ("json.tool", "no such file")), ("three", ("platform",))]
    assert run(Path(sys.executable), steps) != 0
    said = capfd.readouterr().out
    assert "== one: fine" in said and "== two FAILED after" in said and "three" not in said
    assert run(Path(sys.executable), steps[:1]) == 0


def test_lowest_versions():
    assert floors("torch>=2.8\n\n# why\ngradio>=6.31,<7  # a page\n") == ["torch==2.8", "gradio==6.31"]
    with pytest.raises(SystemExit, match="“torchvision” names no lowest version"):
        floors("torchvision\n")
    assert len(floors(NEEDS.read_text(encoding="utf-8"))) >= 7
