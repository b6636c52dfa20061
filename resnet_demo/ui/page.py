"""What every tab is handed: the lab behind the page, and the parts of the frame that tabs read and change."""

from __future__ import annotations

import atexit
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from ..runs.classroom import Classroom

if TYPE_CHECKING:
    from ..runs.executors import Executor
    from ..runs.scheduler import Scheduler
    from ..runs.store import RunStore
    from ..runs.tidying import Keeping

TABS = ("model", "train", "layers", "classify", "lessons", "class")


@dataclass(frozen=True)
class Lab:
    """The server's side: runs on disk under `root`, who trains next, and what visitors are allowed."""

    root: Path
    store: RunStore
    scheduler: Scheduler
    classroom: Classroom = field(default_factory=Classroom)


@dataclass(frozen=True)
class Page:
    """The frame as tabs see it.

    `hand` holds a Hand as JSON ("" until the page has loaded: read it with `Hand.of`). A handler that changes the hand
    takes it as an input and returns new JSON to it; everything else listens to `hand.change`. Controls that mirror the
    hand write to it from `.input`, `.select` or `.click`, never from `.change`, which would answer its own echo. To
    show another tab, return `gr.Tabs(selected=...)` with one of TABS to `tabs`. `who` holds a Who as JSON: every
    handler that acts takes it. `wish` holds the settings that the address asks for, `lesson` the lesson, "" for none.
    """

    lab: Lab
    hand: gr.Textbox
    tabs: gr.Tabs
    who: gr.Textbox
    wish: gr.Textbox
    lesson: gr.Textbox


def open_lab(root: Path | None = None, classroom: Classroom = Classroom()) -> Lab:
    """The lab at `root` (default: home), with its line of runs taken up where an earlier server left it."""
    from ..home import home, runs_dir
    from ..runs.scheduler import Scheduler
    from ..runs.store import RunStore

    place = Path(root) if root else home()
    store, executor = RunStore(runs_dir(place)), _executor(place)
    classroom = replace(classroom, slots=executor.slots, is_lent=is_lent())
    scheduler = Scheduler(
        store, executor, classroom.limits,
        teacher_token=classroom.teacher_token, slots=executor.slots, keeping=_keeping(classroom),
    )  # fmt: skip
    scheduler.recover()
    atexit.register(scheduler.close)
    return Lab(place, store, scheduler, classroom)


def _keeping(classroom: Classroom) -> Keeping:
    """Strangers' runs do not stay for being theirs or for having a name."""
    from ..runs.tidying import Keeping

    return Keeping(classroom.keep_runs or None, classroom.disk_gb or None, spares_own=not classroom.is_public)


def _executor(root: Path) -> Executor:
    """Processes, one for each GPU; on ZeroGPU, which lends one to a decorated function, that and one on the CPU."""
    from ..device import cards
    from ..runs.executors import ProcessExecutor

    processes = ProcessExecutor(root, preload="fashion-mnist", devices=("",) if is_lent() else cards())
    if not is_lent():
        return processes
    import spaces

    from ..runs.estimates import gpu_seconds
    from ..runs.zero_gpu import ZeroGpuExecutor

    return ZeroGpuExecutor(spaces.GPU(duration=gpu_seconds), processes)


def is_lent() -> bool:
    """Whether this is ZeroGPU, where Hugging Face lends visitors a GPU."""
    return bool(os.environ.get("SPACES_ZERO_GPU"))
