"""What type checkers and editors see of the package: the public names, with their types."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import resnet_demo

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "resnet_demo"
WRONG = """
from resnet_demo import MODELS, build_model
build_model(50)
MODELS["resnet20"].depht
build_model("resnet20").spec.depth + "1"
"""


def test_checkers_see_the_names_that_load_lazily():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname: statement.module
        for statement in guard.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == resnet_demo._HOMES


@pytest.mark.parametrize("name", resnet_demo.__all__)
def test_no_name_is_a_module_s(name):
    """Else what `resnet_demo.name` is would depend on what has been imported before."""
    assert not (PACKAGE / f"{name}.py").exists() and not (PACKAGE / name).is_dir()
    assert getattr(resnet_demo, name) is not import_module("resnet_demo")
    assert name in dir(resnet_demo)


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.slow
def test_another_program_is_checked_against_them(tmp_path):
    pytest.importorskip("mypy")
    wrong = tmp_path / "wrong.py"
    wrong.write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "tests/typed_use.py", str(wrong)]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600).stdout
    assert "typed_use.py" not in said, said
    assert [line.rsplit("[", 1)[1] for line in said.splitlines() if "error:" in line] == [
        "arg-type]",
        "attr-defined]",
        "operator]",
    ], said
