"""A run in words: how it stands, how it ended, what its curves show, what it runs on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..datasets import DATASETS
from ..events import History
from ..imagesets import Progress
from ..runs.scheduler import Place
from ..runs.status import Status
from ..runs.store import Run
from .strings import say, translated
from .words import accuracy, seconds_words

MEGABYTE = 1e6
TESTING = "testing"  # what a run is doing once its training is over


def status_words(status: Status, history: History, *, place: Place | None, is_stopping: bool) -> str:
    """One line: what the run is doing and how long it will take, or how it ended."""
    if status.state == "queued":
        if place is not None and place.place == 0:
            return translated(status.doing) or say("train.starting")
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
    if status.doing == TESTING:
        return say("train.testing", share=status.share or 0.0)
    left = history.seconds_left()
    if not history.steps or history.finished or left is None:
        return translated(status.doing) or say("train.starting")
    key = "train.running" if history.started and history.started.budget_seconds else "train.running_about"
    return say(key, left=seconds_words(left), rate=history.steps[-1].images_per_second)


def told_by(progress: Callable[..., Any]) -> Progress:
    """What Gradio's progress is told while the core is busy, in the words of the page."""

    def tell(what: str, share: float | None) -> None:
        progress(share or 0.0, desc=say("classify.testing") if what == "testing" else translated(what))

    return tell


def share_of(status: Status, history: History) -> float | None:
    """How full the bar is, 0 to 1; None where there is no bar."""
    if status.state != "running":
        return None
    return round(history.share_done(), 4) if history.steps and status.doing != TESTING else status.share or 0.0


def ending_words(status: Status, history: History, dataset: str) -> str:
    """What came of the run, in a sentence or two; "" while it goes on."""
    if status.is_active:
        return ""
    if status.state == "failed":
        return translated(status.message) or say("train.end_failed")
    if status.state == "interrupted":
        key = "train.end_gpu_time" if status.reason == "gpu_time" else "train.end_interrupted"
        return say(key, step=history.step)
    if history.finished and history.finished.test_accuracy is not None:
        return tested_words(history, dataset)
    best = history.best
    if best is None:
        return say("train.end_stopped_early")
    return say("train.end_stopped", step=history.step, accuracy=best.accuracy)


def tested_words(history: History, dataset: str) -> str:
    finished = history.finished
    if finished is None or finished.test_accuracy is None:
        return ""
    told: dict[str, Any] = {"accuracy": finished.test_accuracy, "seconds": seconds_words(history.seconds)}
    if dataset in DATASETS:
        words = say("train.end_tested", n=DATASETS[dataset].test, **told)
    else:
        words = say("train.end_tested_plain", **told)
    if finished.unhindered is None:
        return words
    return f"{words} {say('train.end_hindered', rate=finished.images_per_second, possible=finished.unhindered)}"


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


def facts_words(run: Run, status: Status) -> str:
    """What it runs on and with: device, precision, threads, memory while it trains, batch and seed."""
    config = run.config
    compute, bytes_taken = config.compute or {}, memory_taken(status.pid) if status.state == "running" else None
    parts = [{"cpu": "CPU", "cuda": "GPU", "mps": "Apple GPU"}.get(str(compute.get("device", "")).split(":")[0], "")]
    parts += [str(compute.get("precision", ""))]
    if compute.get("device") == "cpu":
        parts.append(say("train.threads", n=compute.get("threads", 1)))
    if compute.get("parts", 1) > 1:
        parts.append(say("train.fact_parts", n=compute["parts"]))
    if bytes_taken:
        parts.append(say("train.memory", mb=bytes_taken / MEGABYTE))
    if status.gpu_memory:
        parts.append(say("train.gpu_memory", mb=status.gpu_memory / MEGABYTE))
    parts += [say("train.fact_batch", n=config.recipe.batch_size), say("train.fact_seed", n=config.seed)]
    if config.asked:
        parts.append(say("train.fact_chosen"))
    if config.parent:
        parts.append(say("train.fact_parent"))
    if config.owner.name:
        parts.append(say("train.fact_owner", name=config.owner.name))
    return " · ".join(part for part in parts if part)


def memory_taken(pid: int | None) -> int | None:
    """Bytes that a process has in memory; None where the system does not say."""
    if not pid:
        return None
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError, AttributeError):
        return None
