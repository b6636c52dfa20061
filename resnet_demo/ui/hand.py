"""What the visitor has in hand: one model, one data set, and the run or checkpoint that goes with them.

It travels as JSON in a hidden text field and as words in the address (`?model=&data=&run=&checkpoint=...`).
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ..datasets import DATASETS
from ..specs import is_model

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][\w.@-]*(/[\w.@-]+)*")  # no absolute path, no drive, no hidden file
_LONGEST = 200
_MOST_COMPARED = 14
_MOST_BESIDE = 5


@dataclass(frozen=True)
class Hand:
    """An immutable choice. `checkpoint` is a shipped name or a run's id, `run` is the run whose curves are shown.

    `compare` are the runs laid over it, `|` between them; a place left empty keeps the colours of those behind it.
    `beside` are the models that the one in hand is compared with, `|` between them; "" leaves the choice to the page.
    """

    model: str = "resnet20"
    dataset: str = "fashion-mnist"
    checkpoint: str = ""
    run: str = ""
    compare: str = ""
    beside: str = ""

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

    @property
    def compared(self) -> list[str]:
        """The runs laid over the one shown, by place; "" where one was taken away."""
        return self.compare.split("|") if self.compare else []

    def ticked(self, run: str, on: bool) -> Hand:
        """The hand with that run laid over the others, in the first free place, or taken away."""
        places = self.compared
        if not on:
            places = ["" if place == run else place for place in places]
        elif run not in places and _is_compared(run):
            places = _first_free(places, run)
        return replace(self, compare="|".join(places[:_MOST_COMPARED]).rstrip("|"))


def _first_free(places: list[str], run: str) -> list[str]:
    at = places.index("") if "" in places else len(places)
    return [*places[:at], run, *places[at + 1 :]]


def _known(values: dict[str, Any]) -> dict[str, str]:
    checks = {
        "model": is_model,
        "dataset": DATASETS.__contains__,
        "checkpoint": _is_plain_name,
        "run": _is_plain_name,
        "compare": lambda text: len(text) < 4000 and all(not run or _is_compared(run) for run in text.split("|")),
        "beside": lambda text: text.count("|") < _MOST_BESIDE and all(map(is_model, text.split("|"))),
    }
    given = {field.name: values.get(field.name) for field in fields(Hand)}
    return {name: value for name, value in given.items() if isinstance(value, str) and checks[name](value)}


def _is_compared(value: str) -> bool:
    return _is_plain_name(value.removeprefix("recorded:"))


def _is_plain_name(value: str) -> bool:
    return len(value) <= _LONGEST and ".." not in value and bool(_PLAIN_NAME.fullmatch(value))
