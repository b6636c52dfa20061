"""What a run keeps of its network: the state to go on from, and the weights that others load, with their card."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..checkpoint import Checkpoint, load_state, open_checkpoint, read_card, save_checkpoint, save_state
from ..datasets import DATASETS
from ..errors import CheckpointRefused, RunRefused
from ..evaluate import Evaluation
from ..events import CheckpointDue, Validation
from ..imagesets import Dataset
from ..state import TrainState
from .config import now, versions
from .store import Run


def make_card(run: Run, data: Dataset, state: TrainState, validation: Validation | None) -> dict[str, Any]:
    """What weights saved now are: network, data, recipe, seed, step, and how good they were on validation."""
    config = run.config
    known = DATASETS.get(data.name)
    return {
        "name": run.id, "run": run.id, "title": run.title, "model": config.spec.name, "spec": asdict(state.plan.spec),
        "dataset": data.name, "dataset_title": data.title, "classes": list(data.classes), "shape": list(data.shape),
        "recipe": asdict(config.recipe), "length": asdict(config.length), "seed": config.seed,
        "step": state.step, "seconds": round(state.seconds, 3),
        "validation_accuracy": validation.accuracy if validation else None,
        "validation_step": validation.step if validation else None,
        "validation_images": validation.images if validation else None,
        "versions": versions(), "created": now(),
        "licence": known.license if known else "that of the pictures it was trained on",
    }  # fmt: skip


def keep(run: Run, data: Dataset, state: TrainState, due: CheckpointDue, validation: Validation | None) -> None:
    """Saves the run as it stands, the state to resume from last: a kill before that only repeats what was saved here.

    Raises: DiskFull.
    """
    card = make_card(run, data, state, validation)
    if due.is_best or not run.best_path.exists():
        save_checkpoint(run.best_path, state.model, state.preprocess, card)
    save_checkpoint(run.last_path, state.model, state.preprocess, {**card, "name": f"{run.id} (last)"})
    save_state(run.resume_path, *state.capture())


def put_back(run: Run, state: TrainState) -> None:
    """Makes `state` what it was when it was last kept; a run that never came so far begins at its beginning.

    Raises: CheckpointRefused.
    """
    if run.resume_path.exists():
        state.restore(*load_state(run.resume_path))


def start_from_parent(run: Run, state: TrainState) -> None:
    """Gives a fresh state the last weights of the run's parent, which must lie beside it.

    Raises: RunRefused, CheckpointRefused.
    """
    parent = Run(run.path.parent / str(run.config.parent))
    if not parent.last_path.is_file():
        raise RunRefused(run=run.id, action="start", why=f"the weights of {parent.id}, which it goes on from, are gone")
    checkpoint = open_checkpoint(parent.last_path)
    if checkpoint.spec != state.plan.spec:
        raise RunRefused(run=run.id, action="start", why=f"{parent.id}, which it goes on from, is another network")
    state.model.load_state_dict(checkpoint.model.state_dict())


def add_test(checkpoint: Checkpoint, evaluation: Evaluation) -> None:
    """Writes the test's result into the card of the file that was tested; its weights stay what they were.

    Raises: DiskFull.
    """
    checkpoint.card["test"] = evaluation.as_dict()
    save_checkpoint(checkpoint.path, checkpoint.model, checkpoint.preprocess, checkpoint.card)


def validation_accuracy(path: Path) -> float | None:
    """What the card of the weights says; None if nothing."""
    try:
        return read_card(path).get("validation_accuracy")
    except CheckpointRefused:
        return None
