"""The recorded runs that ship beside their checkpoints: shown as any run is, and taken along like one."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from ..errors import UnknownRun
from ..events import History, TrainEvent, replay
from ..runs.config import RunConfig

# As in checkpoint.py, which would bring torch along before the page is up.
SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"
RECORDED = "recorded:"  # before the name of a shipped checkpoint: its recorded run


@functools.lru_cache(maxsize=1)
def recordings() -> dict[str, dict[str, Any]]:
    """The cards of the shipped checkpoints that have their recorded run beside them, by name."""
    cards = {path.stem: path.with_suffix(".json") for path in sorted(SHIPPED.glob("*.jsonl"))}
    return {name: json.loads(card.read_text(encoding="utf-8")) for name, card in cards.items() if card.is_file()}


def is_recorded(shown: str) -> bool:
    return shown.startswith(RECORDED)


def card_of(shown: str) -> dict[str, Any]:
    """The card behind `recorded:NAME`.  Raises: UnknownRun."""
    card = recordings().get(shown.removeprefix(RECORDED))
    if card is None:
        raise UnknownRun(name=shown[:100], known=[RECORDED + name for name in recordings()])
    return card


def config_of(shown: str) -> RunConfig:
    """What the recorded run was asked to be.  Raises: UnknownRun, InvalidOption."""
    card = card_of(shown)
    asked = {"recipe": card["recipe"], "length": card.get("length"), "seed": card.get("seed", 0)}
    return RunConfig.from_dict(
        {"id": shown.removeprefix(RECORDED), "data": card["dataset"], "spec": card["spec"], **asked}
    )


def events_of(shown: str) -> list[TrainEvent]:
    """Everything that the recorded run told.  Raises: UnknownRun."""
    card_of(shown)
    path = SHIPPED / f"{shown.removeprefix(RECORDED)}.jsonl"
    return list(replay(path.read_text(encoding="utf-8").splitlines()))


@functools.lru_cache(maxsize=32)
def history_of(shown: str) -> History:
    """Raises: UnknownRun."""
    return History.of(events_of(shown))


def weights_of(shown: str) -> Path | None:
    """The shipped weights; None where only the run is recorded."""
    path = SHIPPED / f"{shown.removeprefix(RECORDED)}.safetensors"
    return path if path.is_file() else None


def recording_for(model: str, dataset: str) -> str:
    """The recorded run to show before anything is trained, of this model and data if one ships; "" if none ships."""

    def misfit(name: str) -> tuple[bool, bool]:
        card = recordings()[name]
        return card.get("model") != model, card.get("dataset") != dataset

    return RECORDED + min(recordings(), key=misfit) if recordings() else ""


def same_race(shown: str) -> list[str]:
    """The other recordings of the same family of networks, on the same data and for as long."""
    run = config_of(shown)
    others = {name: config_of(RECORDED + name) for name in recordings()}
    return [
        RECORDED + name
        for name, other in others.items()
        if (other.data, other.length, other.spec.family) == (run.data, run.length, run.spec.family)
    ]
