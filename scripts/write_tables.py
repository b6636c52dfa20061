"""Writes the README's tables from what the lab knows; `scripts/check.py --fix` runs it, tests/test_docs.py holds it.

python scripts/write_tables.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from resnet_demo.verbs import models  # noqa: E402

README = ROOT / "README.md"
START, END = "<!-- models -->\n", "\n<!-- /models -->"
HEAD = """\
| model | layers | block | shortcut | parameters | MACs | at | from |
|---|--:|---|---|--:|--:|---|---|"""


def model_table() -> str:
    """A row for each model, in their order."""
    return "\n".join([HEAD, *(_row(model) for model in models())])


def _row(model: dict[str, Any]) -> str:
    size = "x".join(map(str, model["input"]))
    return (
        f"| `{model['name']}` | {model['depth']} | {model['block']} | {model['shortcut']} | {model['params']:,} "
        f"| {model['macs']:,} | {size} | {model['source']} |"
    )


def written(text: str) -> str:
    """The README with its tables as they should be."""
    before, rest = text.split(START)
    return before + START + model_table() + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
