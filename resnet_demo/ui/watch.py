"""What a page is told about a run: its status in words, what may be done with it, its curves. Made once for all."""

from __future__ import annotations

import functools
import json
import math
import threading
from pathlib import Path
from typing import Any

from ..datasets import DATASETS
from ..errors import LabError
from ..events import History, replay
from ..runs.scheduler import Place
from ..runs.status import Status
from ..runs.store import Run
from .curves import curves
from .page import Lab
from .strings import say
from .words import accuracy, dataset_title, model_title, seconds_words

# As in checkpoint.py, which would bring torch along before the page is up.
SHIPPED = Path(__file__).resolve().parents[2] / "checkpoints"
RECORDED = "recorded:"  # before the name of a shipped checkpoint: its recorded run
LOG_LINES = 20
MOST_KEPT = 15
WAIT_STEP = 10  # seconds


class Watch:
    """The views of one lab's runs, each kept as JSON until something about it changes."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, str]] = {}

    def snapshot(self, shown: str, since: str) -> str | None:
        """The view of `shown` (a run's id, `recorded:NAME`, or "") as JSON; None if it is still the version `since`."""
        line = line_key(self.lab)
        try:
            run = self.lab.store.get(shown) if shown and not shown.startswith(RECORDED) else None
        except LabError:
            return _told(nothing(say("train.gone")), line, since)
        if run is None:
            return _told(recorded(shown.removeprefix(RECORDED)) if shown else nothing(), line, since)
        version = f"{self._version(run)}|{line}"
        if version == since:
            return None
        with self._lock:
            kept, text = self._kept.get(run.id, ("", ""))
            if kept != version:
                text = json.dumps({**self._view(run, line), "version": version})
                self._kept = {**dict(list(self._kept.items())[-MOST_KEPT:]), run.id: (version, text)}
        return text

    def _version(self, run: Run) -> str:
        status = run.status()
        run.history()  # reads on, so that the log's version is of now
        parts = (run.log.version, status.state, status.updated, status.doing, status.share, run.is_stopping)
        return ":".join(map(str, (run.id, *parts)))

    def _view(self, run: Run, line: str) -> dict[str, Any]:
        status, history, config = run.status(), run.history(), run.config
        place = self.lab.scheduler.place(run.id) if status.state == "queued" else None
        is_stopping = status.is_active and run.is_stopping
        return {
            "key": f"{run.id}:{status.state}:{is_stopping}",
            "turn": f"{run.id}:{status.state}|{line}",
            "run": run.id,
            "state": status.state,
            "title": say("train.title", model=model_title(config.spec.name), data=dataset_title(config.data)),
            "status": status_words(status, history, place=place, is_stopping=is_stopping),
            "share": share_of(status, history),
            "ending": ending_words(status, history, config.data),
            "log": "\n".join(run.last_log_lines(LOG_LINES)) if status.state == "failed" else "",
            "is_active": status.is_active,
            "is_stopping": is_stopping,
            "can_classify": not status.is_active and run.checkpoint() is not None,
            "is_plain": config.spec.is_plain,
            "summary": summary_words(history),
            "curves": curves(history),
        }


def line_key(lab: Lab) -> str:
    """Changes when the line does, or when its wait has become ten seconds shorter."""
    wait = lab.scheduler.expected_wait()
    return f"{len(lab.scheduler.line())}:{'?' if wait is None else math.ceil(wait / WAIT_STEP)}"


def line_words(lab: Lab) -> str:
    """How long the line is before Start is clicked."""
    places, wait = lab.scheduler.line(), lab.scheduler.expected_wait()
    if not places:
        return say("train.line_free")
    if wait is None:
        return say("train.line_busy", runs=len(places))
    return say("train.line_wait", runs=len(places), wait=seconds_words(math.ceil(wait / WAIT_STEP) * WAIT_STEP))


def _told(view: dict[str, Any], line: str, since: str) -> str | None:
    version = f"{view['version']}|{line}"
    return None if version == since else json.dumps({**view, "version": version, "turn": version})


def nothing(title: str = "") -> dict[str, Any]:
    """The view before there is any run: empty axes, and a line that says what will be here."""
    title = title or say("train.empty_title")
    return {
        "version": title, "key": title, "turn": "", "run": "", "state": "empty", "title": title,
        "status": say("train.empty"), "share": None, "ending": "", "log": "", "is_active": False, "is_stopping": False,
        "can_classify": False, "is_plain": False, "summary": say("train.summary_none"), "curves": curves(History()),
    }  # fmt: skip


def recording_for(model: str, dataset: str) -> str:
    """The recorded run to show before anything is trained, of this model and data if one ships; "" if none ships."""

    def misfit(name: str) -> tuple[bool, bool]:
        card = recordings()[name]
        return card.get("model") != model, card.get("dataset") != dataset

    return RECORDED + min(recordings(), key=misfit) if recordings() else ""


@functools.lru_cache(maxsize=1)
def recordings() -> dict[str, dict[str, Any]]:
    """The cards of the shipped checkpoints that have their recorded run beside them, by name."""
    cards = {path.stem: path.with_suffix(".json") for path in sorted(SHIPPED.glob("*.jsonl"))}
    return {name: json.loads(card.read_text(encoding="utf-8")) for name, card in cards.items() if card.is_file()}


@functools.lru_cache(maxsize=32)
def recorded(name: str) -> dict[str, Any]:
    """The view of a shipped checkpoint's own training."""
    card = recordings().get(name)
    if card is None:
        return nothing()
    history = History.of(replay((SHIPPED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()))
    length = seconds_words(history.seconds) + (f", {say('train.steps', n=history.step)}" if history.step else "")
    return {
        **nothing(),
        "version": name, "key": name, "run": RECORDED + name, "state": "recorded",
        "can_classify": (SHIPPED / f"{name}.safetensors").is_file(),
        "title": say("train.title", model=model_title(card["model"]), data=dataset_title(card["dataset"])),
        "status": say("train.recorded", length=length, recipe=card.get("recipe", {}).get("name", "")),
        "is_plain": card["model"].startswith("plain"),
        "summary": summary_words(history), "curves": curves(history),
        "ending": _tested_words(history, card["dataset"]),
    }  # fmt: skip


def status_words(status: Status, history: History, *, place: Place | None, is_stopping: bool) -> str:
    """One line: what the run is doing and how long it will take, or how it ended."""
    if status.state == "queued":
        if place is None or place.wait_seconds is None:
            return say("train.queued", place=place.place if place else 1)
        return say("train.queued_wait", place=place.place, wait=seconds_words(place.wait_seconds))
    if status.state == "running":
        return _running_words(status, history, is_stopping)
    if status.state in ("finished", "stopped"):
        return say(f"train.{status.state}", steps=history.step, seconds=seconds_words(history.seconds))
    return say(f"train.{status.state}")


def _running_words(status: Status, history: History, is_stopping: bool) -> str:
    if is_stopping:
        return say("train.stopping")
    left = history.seconds_left()
    if not history.steps or history.finished or left is None:
        return status.doing or say("train.starting")
    key = "train.running" if history.started.budget_seconds else "train.running_about"
    return say(key, left=seconds_words(left), rate=history.steps[-1].images_per_second)


def share_of(status: Status, history: History) -> float | None:
    """How full the bar is, 0 to 1; None where there is no bar."""
    if status.state != "running":
        return None
    return round(history.share_done(), 4) if history.steps else status.share or 0.0


def ending_words(status: Status, history: History, dataset: str) -> str:
    """What came of the run, in a sentence or two; "" while it goes on."""
    if status.is_active:
        return ""
    if status.state == "failed":
        return status.message or say("train.end_failed")
    if status.state == "interrupted":
        return say("train.end_interrupted", step=history.step)
    if history.finished and history.finished.test_accuracy is not None:
        return _tested_words(history, dataset)
    best = history.best
    if best is None:
        return say("train.end_stopped_early")
    return say("train.end_stopped", step=history.step, accuracy=best.accuracy)


def _tested_words(history: History, dataset: str) -> str:
    if history.finished is None or history.finished.test_accuracy is None:
        return ""
    told = {"accuracy": history.finished.test_accuracy, "seconds": seconds_words(history.seconds)}
    if dataset in DATASETS:
        return say("train.end_tested", n=DATASETS[dataset].test, **told)
    return say("train.end_tested_plain", **told)


def summary_words(history: History) -> str:
    """The curves in words, for those who do not see them."""
    if not history.steps:
        return say("train.summary_none")
    last, best = history.validations[-1:], history.best
    words = say(
        "train.summary",
        steps=history.step,
        loss=f"{history.steps[-1].loss:.3f}",
        validation=accuracy(last[0].accuracy if last else None),
        best=accuracy(best.accuracy if best else None),
    )
    tested = history.finished.test_accuracy if history.finished else None
    return words if tested is None else f"{words} {say('train.summary_test', test=accuracy(tested))}"
