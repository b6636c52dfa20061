"""Trains the checkpoints that ship with the lab, tests them, and writes them with card and recorded run.

    python scripts/train_checkpoints.py [NAME ...] [--work DIR]

Each is trained in a run's folder under DIR and goes on from there when the command is given again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from resnet_demo.checkpoint import SHIPPED, read_card  # noqa: E402
from resnet_demo.home import home, write_atomically  # noqa: E402
from resnet_demo.recipes import Length, find_recipe  # noqa: E402
from resnet_demo.runs.config import new_config  # noqa: E402
from resnet_demo.runs.execute import execute  # noqa: E402
from resnet_demo.runs.store import Run  # noqa: E402
from resnet_demo.specs import find_model  # noqa: E402


@dataclass(frozen=True)
class Shipped:
    """One checkpoint: which network, on which data, for how many epochs of the `budget` recipe with these changes."""

    model: str
    dataset: str
    epochs: float
    batch_size: int = 128
    peak_lr: float = 0.2
    augment: tuple[str, ...] = ("crop", "flip")
    seed: int = 0

    @property
    def name(self) -> str:
        return f"{self.model}-{self.dataset}"


CHECKPOINTS = {entry.name: entry for entry in (Shipped("resnet20", "fashion-mnist", epochs=12),)}


def train(entry: Shipped, work: Path) -> Run:
    """The finished run of a checkpoint; begun, gone on with or found finished in `work`."""
    run = Run(work / entry.name)
    if not run.exists:
        recipe = replace(
            find_recipe("budget"), batch_size=entry.batch_size, peak_lr=entry.peak_lr, augment=entry.augment
        )
        length = Length(epochs=entry.epochs)
        Run.create(run.path, new_config(find_model(entry.model), entry.dataset, recipe, length, seed=entry.seed))
    if run.status().state != "finished":
        for event in execute(run, resume=run.resume_path.is_file()):
            if event.event in ("validation", "run_finished"):
                print(entry.name, event.to_json(), flush=True)
    return run


def publish(entry: Shipped, run: Run) -> None:
    """Weights, card and recorded run in `checkpoints/`."""
    weights = run.checkpoint()
    card = read_card(weights)
    data = weights.read_bytes()
    card |= {"name": entry.name, "licence": "MIT", "sha256": hashlib.sha256(data).hexdigest()}
    card["published"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    write_atomically(SHIPPED / f"{entry.name}.safetensors", data)
    write_atomically(SHIPPED / f"{entry.name}.json", json.dumps(card, indent=1) + "\n")
    shutil.copyfile(run.log.path, SHIPPED / f"{entry.name}.jsonl")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(CHECKPOINTS)}")
    parser.add_argument("--work", type=Path, default=home() / "shipped")
    args = parser.parse_args()
    for name in args.names or CHECKPOINTS:
        entry = CHECKPOINTS[name]
        publish(entry, train(entry, args.work))


if __name__ == "__main__":
    main()
