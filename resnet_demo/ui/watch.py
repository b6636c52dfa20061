"""What a page is told about a run: its status in words, what may be done with it, its curves. Made once for all."""

from __future__ import annotations

import json
import math
import threading
from typing import Any

import gradio as gr

from ..errors import LabError
from ..events import History
from ..runs.config import Owner
from ..runs.store import Run
from .acts import half_batch, more_lengths, possible_acts
from .curves import curves
from .page import Lab
from .recordings import RECORDED, card_of, history_of, is_recorded, weights_of
from .strings import kept_by_language, say
from .telling import ending_words, facts_words, share_of, status_words, summary_words, tested_words
from .who import may_change
from .words import clock_words, dataset_title, length_words, model_title, seconds_words

LOG_LINES = 20
MOST_KEPT = 60
MOST_SHOWN = 16
WAIT_STEP = 10  # seconds


class Watch:
    """The views of one lab's runs, each kept as JSON until something about it changes."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, str]] = {}

    def snapshots(self, asked: list[str], request: gr.Request | None = None) -> str | None:
        """What has changed of the runs asked for, `[who, shown, since, shown, since, ...]`: a JSON list with a view or
        null for each; None if nothing has."""
        who, *rest = [str(word) for word in asked[: 2 * MOST_SHOWN + 1]] or [""]
        views = [self.snapshot(shown, since, who, request) for shown, since in zip(rest[::2], rest[1::2])]
        return f"[{','.join(view or 'null' for view in views)}]" if any(views) else None

    def snapshot(self, shown: str, since: str, who: str = "", request: gr.Request | None = None) -> str | None:
        """The view of `shown` (a run's id, `recorded:NAME`, or "") as JSON; None if it is still the version `since`."""
        line = line_key(self.lab)
        try:
            run = self.lab.store.get(shown) if shown and not is_recorded(shown) else None
        except LabError:
            return _told(nothing(say("train.gone")), line, since)
        if run is None:
            return _told(recorded(shown.removeprefix(RECORDED)) if shown else nothing(), line, since)
        mine = bool(who) and may_change(self.lab, run, who, request)
        version = f"{self._version(run)}|{line}"
        if f"{version}|{mine:d}" == since:
            return None
        with self._lock:
            kept, text = self._kept.get(run.id, ("", ""))
            if kept != version:
                text = json.dumps(self._view(run, line))
                self._kept = {**dict(list(self._kept.items())[-MOST_KEPT:]), run.id: (version, text)}
        return f'{{"mine": {json.dumps(mine)}, "version": {json.dumps(f"{version}|{mine:d}")}, {text[1:]}'

    def _version(self, run: Run) -> str:
        status = run.status()
        run.history()  # reads on, so that the log's version is of now
        title = run.config.title
        parts = (run.log.version, status.state, status.updated, status.doing, status.share, run.is_stopping, title)
        return ":".join(map(str, (run.id, *parts)))

    def _view(self, run: Run, line: str) -> dict[str, Any]:
        status, history, config = run.status(), run.history(), run.config
        place = self.lab.scheduler.place(run.id) if status.state == "queued" else None
        is_stopping = status.is_active and run.is_stopping
        name = config.title or model_title(config.spec.name)
        return {
            "key": f"{run.id}:{status.state}:{is_stopping}",
            "turn": f"{run.id}:{status.state}|{line}",
            "run": run.id,
            "state": status.state,
            "title": say("train.title", model=name, data=dataset_title(config.data)),
            "name": say("train.name", model=name, when=clock_words(config.created), length=length_words(config.length)),
            "named": config.title,
            "status": status_words(status, history, place=place, is_stopping=is_stopping),
            "facts": facts_words(run, status),
            "share": share_of(status, history),
            "ending": ending_words(status, history, config.data),
            "log": "\n".join(run.last_log_lines(LOG_LINES)) if status.state == "failed" else "",
            "is_active": status.is_active,
            "is_waiting": place is not None and place.place > 0,
            "is_stopping": is_stopping,
            "can_classify": not status.is_active and run.checkpoint() is not None,
            "is_plain": config.spec.is_plain,
            "acts": possible_acts(run, status),
            "half": half_batch(run, status),
            "free": self.lab.classroom.is_lent and (status.error or {}).get("kind") in ("QuotaGone", "GpuRefused"),
            "lengths": more_lengths(config.length, self.lab.classroom.longest_of(config.gpus)),
            "summary": summary_words(history),
            "curves": curves(history),
        }


def line_key(lab: Lab) -> str:
    """Changes when the line does, or when its wait has become ten seconds shorter."""
    wait = lab.scheduler.expected_wait()
    return f"{len(lab.scheduler.line())}:{'?' if wait is None else math.ceil(wait / WAIT_STEP)}"


def line_words(lab: Lab, owner: Owner | None = None) -> str:
    """How long the line is before Start is clicked, and whether there is a place in it for `owner`."""
    places, wait = lab.scheduler.line(), lab.scheduler.expected_wait()
    if lab.classroom.is_lent and not _has_own(lab, owner):
        return say("train.line_lent")
    if not places:
        return say("train.line_free")
    if owner is not None:
        limits = lab.classroom.limits
        if _has_own(lab, owner):
            return say("train.line_own")
        if limits.line is not None and sum(place.place > 0 for place in places) >= limits.line:
            return say("train.line_full", runs=limits.line)
    if wait is None:
        words = say("train.line_busy", runs=len(places))
    else:
        words = say("train.line_wait", runs=len(places), wait=seconds_words(math.ceil(wait / WAIT_STEP) * WAIT_STEP))
    return words + _whose(lab, owner, len(places))


def _whose(lab: Lab, owner: Owner | None, count: int) -> str:
    """How many of `count` runs in line are the reader's own, if any are."""
    own = len(lab.scheduler.active_of(owner)) if owner is not None else 0
    if not own:
        return ""
    return say("train.line_your_only") if own == count == 1 else say("train.line_yours", n=own)


def _has_own(lab: Lab, owner: Owner | None) -> bool:
    """Whether somebody has as many runs as they may."""
    most = lab.classroom.limits.per_person
    return owner is not None and most is not None and len(lab.scheduler.active_of(owner)) >= most


def _told(view: dict[str, Any], line: str, since: str) -> str | None:
    version = f"{view['version']}|{line}"
    return None if version == since else json.dumps({**view, "version": version, "turn": version})


def nothing(title: str = "") -> dict[str, Any]:
    """The view before there is any run: empty axes, and a line that says what will be here."""
    title = title or say("train.empty_title")
    return {
        "version": title, "key": title, "turn": "", "run": "", "state": "empty", "title": title,
        "status": say("train.empty"), "share": None, "ending": "", "log": "", "is_active": False,
        "is_waiting": False, "is_stopping": False, "can_classify": False, "is_plain": False, "facts": "",
        "name": title, "named": "", "mine": False, "acts": [],
        "half": 0, "free": False, "lengths": [], "summary": say("train.summary_none"), "curves": curves(History()),
    }  # fmt: skip


@kept_by_language(maxsize=32)
def recorded(name: str) -> dict[str, Any]:
    """The view of a shipped checkpoint's own training."""
    shown = RECORDED + name
    try:
        card, history = card_of(shown), history_of(shown)
    except LabError:
        return nothing()
    parts = [seconds_words(history.seconds), *([say("train.steps", n=history.step)] if history.step else [])]
    length = say("frame.comma").join(parts)
    has_weights = weights_of(shown) is not None
    return {
        **nothing(),
        "version": name, "key": name, "run": shown, "state": "recorded",
        "can_classify": has_weights, "acts": ["again", "along", *(["weights"] if has_weights else [])],
        "title": say("train.title", model=model_title(card["model"]), data=dataset_title(card["dataset"])),
        "status": say("train.recorded", length=length, recipe=card.get("recipe", {}).get("name", "")),
        "name": say("train.recorded_name", model=model_title(card["model"]), name=name),
        "is_plain": card["model"].startswith("plain"),
        "summary": summary_words(history), "curves": curves(history),
        "ending": tested_words(history, card["dataset"]),
    }  # fmt: skip
