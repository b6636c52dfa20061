"""The process that trains one run: `python -m resnet_demo.runs.worker [--preload DATA]`.

It imports torch and loads the usual data set ahead, says “ready”, and waits on standard input for one line of JSON,
`{"run": folder, "task": "train" | "resume" | "test", "gpus": number}`.
`{"stop": true}` ends the run after the step in hand. When
standard input closes, the server is gone, and so is this process, at once: its files are replaced in one piece.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..system import prepare_to_train

NICENESS = 10
BELOW_NORMAL_PRIORITY_CLASS = 0x4000


def main() -> None:
    arguments = _arguments()
    prepare_to_train()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the server's terminal reaches this process too
    lower_priority()
    commands: queue.Queue[dict[str, Any]] = queue.Queue()
    stop = threading.Event()
    has_run = threading.Event()
    # The system ends the server's whole group: a run in hand is saved first.
    signal.signal(signal.SIGTERM, lambda *_: stop.set() if has_run.is_set() else os._exit(0))
    threading.Thread(target=_listen, args=(commands, stop), daemon=True).start()
    from . import execute  # noqa: F401  (torch and all that a run needs, ahead of time)

    if arguments.preload:
        _preload(arguments.preload)
    print("ready", flush=True)
    command = commands.get()
    has_run.set()
    _write_to(Path(command["run"]) / "log.txt")
    code = _carry_out(command["run"], command.get("task", "train"), command.get("gpus", 1), stop)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the listening thread sits in a read that nothing else ends


def _carry_out(path: str, task: str, gpus: int, stop: threading.Event) -> int:
    """The exit code: 0 if the run came to an end that its status tells, whichever."""
    from .crew import crew
    from .execute import perform
    from .process import report_failure
    from .store import Run
    from .together import in_step

    try:
        with crew(gpus) as world:
            return in_step(world, lambda: _consume(perform(path, task, stop.is_set, world)))
    except Exception as error:  # only what stood in the way of starting; the rest is told by the run itself
        traceback.print_exc()
        if Run(Path(path)).status().state == "queued":
            report_failure(Run(Path(path)), error)
        return 1


def _consume(events: Iterable[Any]) -> int:
    for _ in events:
        pass
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Trains one run of ResNet Lab; started by its server.")
    parser.add_argument("--preload", help="a data set to load ahead, if it is on this machine")
    return parser.parse_args()


def _listen(commands: queue.Queue[dict[str, Any]], stop: threading.Event) -> None:
    for line in sys.stdin:
        command = json.loads(line)
        if command.get("stop"):
            stop.set()
        else:
            commands.put(command)
    os._exit(0)


def lower_priority() -> None:
    """Below the page's priority, so that a page on the same cores stays quick."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(NICENESS)


def _preload(name: str) -> None:
    """Loads the data if no download is needed and makes one step of the usual run: all that a step takes is there then.

    What fails here fails in the run.
    """
    try:
        from ..datasets import availability, load_dataset
        from ..recipes import RECIPES, Length
        from ..specs import MODELS
        from ..state import new_state
        from ..train import train
        from .config import new_config
        from .planning import make_plan

        if availability(name).available:
            data = load_dataset(name)
            config = new_config(MODELS["resnet20"], name, RECIPES["budget"], Length(seconds=60))
            events = train(new_state(make_plan(config, data), data))
            next(events), next(events)
            events.close()
    except Exception:
        traceback.print_exc()


def _write_to(log: Path) -> None:
    """From here on, all that this process prints goes to the run's log, and the server stops listening."""
    with log.open("ab") as file:
        sys.stdout.flush()
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable()


if __name__ == "__main__":
    main()
