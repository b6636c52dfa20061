"""The HTTP endpoints: the command line's verbs under its option names, with its JSON. No path comes from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from .. import verbs
from ..catalogue import find_spec
from ..errors import InvalidOption, PictureRefused
from ..imagenet import WEIGHTS, obtain
from ..runs.config import Owner
from ..runs.store import Run
from . import shelf
from .failures import guarded
from .forms import whole
from .page import Lab
from .who import SHORTEST_SECRET, is_crowd, owner_id

MOST_PICTURES = 64


def add_endpoints(lab: Lab) -> None:
    """Registers every endpoint with the Blocks that is being built."""
    calls = Endpoints(lab)
    for call in (calls.models, calls.layers, calls.datasets, calls.runs, calls.run_status, calls.stop_run):
        gr.api(guarded(call), api_name=call.__name__)
    gr.api(guarded(calls.start_run), api_name="start_run", concurrency_id="control", concurrency_limit=1)
    gr.api(guarded(calls.classify), api_name="classify", concurrency_id="infer", concurrency_limit=2)
    gr.api(guarded(calls.evaluate), api_name="evaluate", concurrency_id="measure", concurrency_limit=2)


class Endpoints:
    """Every method is one endpoint: its name, its parameters and its docstring are the public ones."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def models(self) -> list[dict[str, Any]]:
        """Every model with depth, family, parameters and MACs at its natural input."""
        return verbs.models()

    def layers(self, model: str = "resnet20", input: str = "", classes: int | None = None) -> dict[str, Any]:
        """A model's layers in the order data meets them. `input` is "C,H,W"; "" is the model's natural input."""
        count = None if classes is None else whole(classes, "classes")
        return verbs.layers(model, verbs.parse_input(input) if input else None, count)

    def datasets(self) -> list[dict[str, Any]]:
        """Every data set and whether it is on the server."""
        return verbs.datasets(self._lab.root)

    def runs(self) -> list[dict[str, Any]]:
        """Every run, the newest first."""
        return [run.summary() for run in self._lab.store.runs()]

    def start_run(
        self,
        model: str = "resnet20",
        dataset: str = "fashion-mnist",
        recipe: str = "budget",
        seconds: float | None = None,
        epochs: float | None = None,
        max_steps: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        seed: int = 0,
        key: str = "",
    ) -> dict[str, Any]:
        """Puts a run in line and gives its status at once. Without a length the recipe says how long.

        `key` is a secret of your own making, 16 characters or more: who has it owns the run. In a class it is needed.
        """
        owner = self._owner(key)
        config = verbs.run_config(
            model,
            dataset,
            recipe,
            seconds=_number(seconds, "seconds"),
            epochs=_number(epochs, "epochs"),
            max_steps=None if max_steps is None else whole(max_steps, "max-steps"),
            batch_size=None if batch_size is None else whole(batch_size, "batch-size"),
            lr=_number(lr, "lr"),
            seed=whole(seed, "seed"),
            owner=owner,
        )
        run = self._lab.scheduler.submit(config, join=self._lab.classroom.joins, token=key)
        return run_status(self._lab, run)

    def run_status(self, run: str) -> dict[str, Any]:
        """How a run stands: its row in `runs`, and place in line, step, seconds, share done and test accuracy."""
        return run_status(self._lab, self._lab.store.get(run))

    def stop_run(self, run: str, key: str = "") -> dict[str, Any]:
        """Asks a run to end after the step in hand; its weights are kept. `key` is what it was started with, or the
        teacher's token."""
        return run_status(self._lab, self._lab.scheduler.stop(run, self._owner(key), key))

    def _owner(self, key: str) -> Owner:
        """Raises: InvalidOption."""
        if self._lab.scheduler.is_teacher(key) or len(str(key)) >= SHORTEST_SECRET:
            return Owner(owner_id(f"key:{key}"))
        if key or is_crowd(self._lab):
            raise InvalidOption(
                option="key", value="shorter", allowed=f"a secret of {SHORTEST_SECRET} characters or more"
            )
        return Owner()

    def classify(self, images: list[dict[str, Any]], checkpoint: str, top: int = 5) -> list[dict[str, Any]]:
        """The most probable classes of each uploaded picture. `checkpoint` is a shipped name, a run's id, or one of
        ImageNet's, such as resnet50-imagenet, whose weights are downloaded on first use."""
        files = [uploaded(image) for image in (images if isinstance(images, list) else [images])]
        if len(files) > MOST_PICTURES:
            raise InvalidOption(option="images", value=f"{len(files)} pictures", allowed=f"at most {MOST_PICTURES}")
        answers = verbs.classify([path for path, _ in files], str(self._path(checkpoint)), whole(top, "top"))
        return [{**answer, "image": name} for answer, (_, name) in zip(answers, files)]

    def evaluate(self, checkpoint: str, dataset: str = "") -> dict[str, Any]:
        """Accuracy, class table and confusion matrix on a test set; "" is that of the checkpoint's own data."""
        source = find_spec(dataset).name if dataset else None
        return {**verbs.evaluate(str(self._path(checkpoint)), source), "checkpoint": checkpoint}

    def _path(self, checkpoint: str) -> Path:
        if checkpoint in WEIGHTS:
            return obtain(checkpoint)
        return shelf.find(self._lab, checkpoint).path


def run_status(lab: Lab, run: Run) -> dict[str, Any]:
    """A run's row in `runs`, and how far it is."""
    status, history = run.status(), run.history()
    place, finished = lab.scheduler.place(run.id), history.finished
    return {
        **run.summary(),
        "message": status.message,
        "place": place.place if place else None,
        "step": history.step,
        "seconds": history.seconds,
        "seconds_left": history.seconds_left() if status.is_active else None,
        "share": history.share_done(),
        "stop_reason": finished.stop_reason if finished else None,
        "test_accuracy": finished.test_accuracy if finished else None,
        "checkpoint": run.id if run.checkpoint() else None,
    }


def _number(value: Any, option: str) -> float | None:
    """Raises: InvalidOption if `value` is neither a number nor None."""
    if value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    raise InvalidOption(option=option, value=value, allowed="a number")


def uploaded(file: Any) -> tuple[Path, str]:
    """-> (where the upload is, what the visitor calls it). Only files that came through the upload are opened.

    Raises: PictureRefused.
    """
    given = file.get("path") if isinstance(file, dict) else file
    path = Path(str(given)).resolve()
    name = str((isinstance(file, dict) and file.get("orig_name")) or path.name)
    if not path.is_relative_to(Path(get_upload_folder()).resolve()) or not path.is_file():
        raise PictureRefused(picture=name, why="it was not uploaded; send the file itself")
    return path, name
