"""The notebook of docs/, executed cell by cell as Jupyter would, in a process and a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "docs" / "quickstart.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]).removeprefix("%matplotlib inline\n") for cell in CELLS if cell["cell_type"] == "code"]
# Jupyter runs a cell's statements and shows the value of a last expression.
RUNNER = """
import ast, json, sys
names = {"__name__": "__main__"}
for source in json.load(sys.stdin):
    *statements, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        statements, last = [*statements, last], None
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    if last:
        print(repr(eval(compile(ast.Expression(last.value), "cell", "eval"), names)))
"""


def test_it_is_stored_without_what_it_printed():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in CELLS if "outputs" in cell)
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)


def test_it_imports_what_the_package_offers():
    import resnet_demo

    for line in "\n".join(CODE).splitlines():
        if line.startswith("from resnet_demo import "):
            assert set(line.removeprefix("from resnet_demo import ").split(", ")) <= set(resnet_demo.__all__)


@pytest.mark.slow
def test_it_runs_from_its_first_cell_to_its_last(tmp_path):
    assert sum("seconds=20" in source for source in CODE) == 1
    sources = [source.replace("seconds=20", "seconds=6") for source in CODE]
    environment = {**os.environ, "RESNET_DEMO_HOME": str(tmp_path), "RESNET_DEMO_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(sources), cwd=ROOT, env=environment, timeout=300,
        capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for shown in ("torch.Size([2, 10])", "269,434 parameters", "test accuracy 0.", "Figure", "'Trouser':", "truth: "):
        assert shown in done.stdout, done.stdout
