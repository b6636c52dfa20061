"""ZeroGPU, where Hugging Face lends a GPU to one decorated call at a time and charges the visitor's day for it.

The decorated function runs in a process forked from the page's, gets its arguments and gives its events through pipes,
and is killed when its time is over. Hugging Face has a line of its own in front of its GPUs; a visitor's right to them
expires while it waits in another, so only runs on this machine's processor stand in the lab's line.
"""

from __future__ import annotations

import atexit
import contextvars
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..datasets import load_data
from ..device import LENT
from ..errors import GpuRefused, LabError, QuotaGone
from ..events import TrainEvent
from ..imagesets import Dataset, ImageSet
from .config import RunConfig
from .execute import perform  # here, and not in the process that is forked: there it would cost time that is counted
from .executors import Executor, GeneratorExecutor
from .planning import DEFAULT_SIDE
from .process import OnEnd
from .store import Run

GONE = ("ZeroGPU quota exceeded", "ZeroGPU pending credits exceeded")
WORKER, CUT_OFF = "ZeroGPU worker error", "GPU task aborted"


class ZeroGpuExecutor:
    """Runs on the GPU that is lent, each at once, and those with `gpus` 0 in turn in a process of their own."""

    slots = 1

    def __init__(self, lend: Callable[..., Any], cpu: Executor) -> None:
        """`lend` is `spaces.GPU(duration=gpu_seconds)`."""
        self.gpu = GeneratorExecutor(Borrowing(lend(perform_lent)), explain=refusal)
        self.cpu = cpu

    def needs_place(self, config: RunConfig) -> bool:
        return config.gpus == 0

    def _of(self, run: Run) -> Executor:
        return self.cpu if self.needs_place(run.config) else self.gpu

    def prepare(self) -> None:
        self.cpu.prepare()

    def start(self, run: Run, task: str, on_end: OnEnd, context: contextvars.Context) -> None:
        self._of(run).start(run, task, on_end, context)

    def stop(self, run: Run) -> None:
        self._of(run).stop(run)

    def kill(self, run: Run) -> None:
        self._of(run).kill(run)

    def close(self, patience_seconds: float = 0.0) -> None:
        self.gpu.close(patience_seconds)
        self.cpu.close(patience_seconds)


class Borrowing:
    """`perform` on the GPU. The data are loaded before it is asked for, which costs the visitor nothing, and lie in a
    file that the forked process maps: what this process holds in memory, one forked earlier does not have."""

    def __init__(self, lent: Callable[[str, str, str], Iterable[TrainEvent]]) -> None:
        self.lent = lent
        self._lock = threading.Lock()
        self._folder: Path | None = None

    def __call__(self, path: str, task: str) -> Iterator[TrainEvent]:
        run = Run(Path(path))
        self._doing("loading the data", run)
        data = self._prepared(run)
        self._doing("waiting for a GPU of Hugging Face's", run)
        yield from self.lent(path, task, str(data))

    def _prepared(self, run: Run) -> Path:
        config = run.config
        side = config.recipe.resize or DEFAULT_SIDE
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="resnet-lab-data-"))
                atexit.register(shutil.rmtree, self._folder, True)
            path = self._folder / f"{re.sub(r'[^a-z0-9-]+', '_', config.data.lower())[-60:]}-{side}.safetensors"
            if not path.exists():
                write_data(path, load_data(config.data, side=side, progress=lambda what, share: None))
            return path

    @staticmethod
    def _doing(what: str, run: Run) -> None:
        run.set_status(replace(run.status(), doing=what))


def perform_lent(path: str, task: str, data: str) -> Iterator[TrainEvent]:
    """What the forked process does with the GPU, the final test included.  Raises: RunRefused."""
    os.environ[LENT] = "1"
    run = Run(Path(path))
    if run.is_stopping or not run.status().is_active:  # somebody lost patience while it waited for the GPU
        run.set_status(replace(run.status(), state="stopped", reason="left the line", doing="", ticket=None))
        return
    torch.set_num_threads(1)  # the page's other threads were not forked: whoever waits for them waits for ever
    yield from perform(path, task, data=read_data(Path(data)))


def refusal(run: Run, error: Exception) -> LabError | None:
    """What the package `spaces` raised, as a sentence; None for anything else, and for a GPU whose time was over, which
    leaves the run interrupted where it last saved."""
    title, what = str(getattr(error, "title", "")), re.sub(r"<[^>]*>", "", str(error))[:300].strip(" .'\"")
    if title in GONE:
        return QuotaGone(why=what)
    if not title.startswith("ZeroGPU") or (title == WORKER and what != CUT_OFF):
        return None
    if title == WORKER and run.history().started is not None:
        status = run.status()
        run.set_status(replace(status, state="interrupted", reason="gpu_time", doing="", share=None, pid=None))
        return None
    return GpuRefused(why=what)


def write_data(path: Path, data: Dataset) -> None:
    """The data as one file that `read_data` maps into memory."""
    from safetensors.torch import save_file

    tensors = {f"{split}.{what}": getattr(getattr(data, split), what).contiguous()
               for split in ("train", "test") for what in ("images", "labels")}  # fmt: skip
    told = {"name": data.name, "title": data.title, "classes": list(data.classes), "notes": list(data.notes)}
    part = path.with_suffix(".part")
    save_file(tensors, part, {"data": json.dumps(told)})
    part.replace(path)


def read_data(path: Path) -> Dataset:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        told = json.loads(file.metadata()["data"])
        classes = tuple(told["classes"])
        train, test = (ImageSet(file.get_tensor(f"{split}.images"), file.get_tensor(f"{split}.labels"), classes)
                       for split in ("train", "test"))  # fmt: skip
    return Dataset(told["name"], told["title"], train, test, tuple(told["notes"]))
