"""A stand-in for Hugging Face's package `spaces` on ZeroGPU: what 0.51 does with a decorated generator, without a GPU.

As there, the generator runs in a process forked from the one that calls it and kept for the next call; arguments, what
is yielded and errors go through pipes, pickled; a closed generator sets an event that the other side looks at between
two yields; and when the duration that was asked for is over the process is killed. Quotas are per visitor's token.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr
from gradio.context import LocalContext

FORK = multiprocessing.get_context("fork")
QUOTA_SECONDS = float(os.environ.get("STAND_IN_QUOTA_SECONDS", 120))
TOKEN = "x-ip-token"


class Host:
    """What the machine around the container does: who may have the GPU, and for how long."""

    def __init__(self) -> None:
        self.left: dict[str, float] = {}
        self.asked: list[tuple[str, float]] = []
        self.workers: list[Worker] = []

    def lend(self, seconds: float) -> str:
        """Raises: gr.Error, as `spaces` does."""
        request = LocalContext.request.get(None)
        token = request.headers.get(TOKEN, "") if request is not None else ""
        left = self.left.setdefault(token, QUOTA_SECONDS)
        self.asked.append((token, seconds))
        if seconds > QUOTA_SECONDS:
            what = f"The requested GPU duration ({seconds:g}s) is larger than the maximum allowed"
            raise gr.Error(what, title="ZeroGPU illegal duration", print_exception=False)
        if seconds > left:
            what = f"You have exceeded your ZeroGPU quota ({seconds:g}s requested vs. {left:g}s left). "
            what += "Try again in 5:00:00. "
            raise gr.Error(what, title="ZeroGPU quota exceeded", print_exception=False)
        return token

    def cut_off(self) -> None:
        """What it does when a duration is over, now."""
        for worker in self.workers:
            worker.process.kill()

    def close(self) -> None:
        self.cut_off()
        for worker in self.workers:
            worker.process.join(10)


HOST = Host()


class Worker:
    """One forked process, which keeps taking calls."""

    def __init__(self, task: Callable[..., Iterator[Any]]) -> None:
        self.arguments, arguments = FORK.Pipe()
        self.results, results = FORK.Pipe()
        self.stop = FORK.Event()
        self.process = FORK.Process(target=_work, args=(task, arguments, results, self.stop), daemon=True)
        self.process.start()
        arguments.close(), results.close()
        HOST.workers.append(self)


def _work(task: Callable[..., Iterator[Any]], arguments: Any, results: Any, stop: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        args, kwargs = pickle.loads(arguments.recv_bytes())
        stop.clear()
        thread = threading.Thread(target=_iterate, args=(task(*args, **kwargs), results, stop))
        thread.start()
        thread.join()
        results.send_bytes(pickle.dumps(("end", None)))


def _iterate(events: Iterator[Any], results: Any, stop: Any) -> None:
    while True:
        try:
            event = next(events)
        except StopIteration:
            return
        except Exception as error:
            traceback.print_exc()
            results.send_bytes(pickle.dumps(("error", type(error).__name__)))
            return
        if stop.is_set():
            events.close()
            return
        results.send_bytes(pickle.dumps(("value", event)))


def GPU(task: Callable | None = None, *, duration: Any = 60, size: str | None = None) -> Any:
    if task is None:
        return functools.partial(GPU, duration=duration, size=size)
    idle: list[Worker] = []

    @functools.wraps(task)
    def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
        seconds = duration(*args, **kwargs) if callable(duration) else duration
        token, started = HOST.lend(seconds), time.monotonic()
        worker = idle.pop() if idle and idle[-1].process.is_alive() else Worker(task)
        worker.arguments.send_bytes(pickle.dumps((args, kwargs)))
        cut = threading.Timer(seconds, os.kill, (worker.process.pid, signal.SIGKILL))
        cut.daemon = True
        cut.start()
        try:
            while True:
                kind, value = _received(worker)
                if kind == "end":
                    idle.append(worker)
                    return
                if kind == "error":
                    raise gr.Error(value, title="ZeroGPU worker error", print_exception=False)
                try:
                    yield value
                except GeneratorExit:
                    worker.stop.set()
                    while _received(worker)[0] != "end":
                        pass
                    idle.append(worker)
                    raise
        finally:
            cut.cancel()
            HOST.left[token] -= min(seconds, time.monotonic() - started)

    return call


def _received(worker: Worker) -> tuple[str, Any]:
    try:
        return pickle.loads(worker.results.recv_bytes())
    except (EOFError, OSError):
        raise gr.Error("GPU task aborted", title="ZeroGPU worker error", print_exception=False) from None
