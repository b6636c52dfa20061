"""What the visitor has in hand: one model, one data set, and the run or checkpoint that goes with them.

It travels as JSON in a hidden text field and as words in the address (`?model=&data=&run=&checkpoint=&lang=`).
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ..datasets import DATASETS
from ..specs import is_model
from .strings import LANGUAGES

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.@-]*(/[\w.@-]+)*")  # no absolute path, no drive, no hidden file
_LONGEST = 200


@dataclass(frozen=True)
class Hand:
    """An immutable choice. `checkpoint` is a shipped name or a run's id, `run` is the run whose curves are shown."""

    model: str = "resnet20"
    dataset: str = "fashion-mnist"
    checkpoint: str = ""
    run: str = ""
    lang: str = "en"

    @classmethod
    def of(cls, text: str | None) -> Hand:
        """The hand that `to_json` wrote or a link describes. Never raises: what is not known becomes the default."""
        try:
            values = json.loads(text or "{}")
        except (ValueError, RecursionError):
            values = {}
        return cls(**_known(values)) if isinstance(values, dict) else cls()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def with_(self, **changes: Any) -> Hand:
        """The hand with other things in it. Another model or data set lets go of the checkpoint, as it was of both."""
        changed = replace(self, **changes)
        is_other = (changed.model, changed.dataset) != (self.model, self.dataset)
        return replace(changed, checkpoint="") if is_other and "checkpoint" not in changes else changed


def _known(values: dict[str, Any]) -> dict[str, str]:
    checks = {
        "model": is_model,
        "dataset": DATASETS.__contains__,
        "checkpoint": _is_plain_name,
        "run": _is_plain_name,
        "lang": LANGUAGES.__contains__,
    }
    given = {field.name: values.get(field.name) for field in fields(Hand)}
    return {name: value for name, value in given.items() if isinstance(value, str) and checks[name](value)}


def _is_plain_name(value: str) -> bool:
    return len(value) <= _LONGEST and ".." not in value and bool(_PLAIN_NAME.fullmatch(value))
