"""Trains the checkpoints that ship with the lab, tests them, and writes them with card and recorded run.

    python scripts/train_checkpoints.py [NAME ...] [--work DIR] [--data PATH] [--check]

Each is trained in a run's folder under DIR and goes on from there when the command is given again. Those on CIFAR-10
(JPEG), all of CIFAR-10 re-encoded as JPEG files of quality 75, need it as PATH, a folder or .zip of class folders.
`--check` trains nothing: it tests those that ship and says whether each does what its card says.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from resnet_demo.checkpoint import SHIPPED, open_checkpoint, read_card  # noqa: E402
from resnet_demo.datasets import load_data  # noqa: E402
from resnet_demo.evaluate import evaluate  # noqa: E402
from resnet_demo.home import home, write_atomically  # noqa: E402
from resnet_demo.recipes import Length, find_recipe  # noqa: E402
from resnet_demo.runs.config import RunConfig, new_config  # noqa: E402
from resnet_demo.runs.execute import execute  # noqa: E402
from resnet_demo.runs.store import Run  # noqa: E402
from resnet_demo.specs import find_model  # noqa: E402

CIFAR10_JPEG = "cifar10-jpeg"


@dataclass(frozen=True)
class Shipped:
    """One checkpoint: which network, on which data, for how many epochs of the `budget` recipe with these changes.

    Of a notebook's `recipe` nothing is changed. Weights that are too large to ship leave their card and recorded run.
    """

    model: str
    dataset: str
    epochs: float
    batch_size: int = 128
    peak_lr: float = 0.2
    augment: tuple[str, ...] = ("crop", "flip")
    seed: int = 0
    recipe: str = "budget"
    ships_weights: bool = True

    @property
    def name(self) -> str:
        return f"{self.model}-{self.dataset}"


CHECKPOINTS = {
    entry.name: entry
    for entry in (
        Shipped("resnet20", "fashion-mnist", epochs=12),
        Shipped("resnet56", "fashion-mnist", epochs=12),
        Shipped("plain20", "fashion-mnist", epochs=12),
        Shipped("plain56", "fashion-mnist", epochs=12),
        Shipped("resnet9", "fashion-mnist", epochs=12),
        Shipped("resnet9", CIFAR10_JPEG, epochs=16, peak_lr=0.1),
        Shipped("resnet20", CIFAR10_JPEG, epochs=20),
        Shipped("resnet18-d2l", "fashion-mnist", epochs=6, recipe="d2l-96", ships_weights=False),
    )
}
ABOUT_JPEG = (
    "Trained and tested on CIFAR-10 re-encoded as JPEG files of quality 75. On the original CIFAR-10 its accuracy is "
    "another; networks trained on the originals lose about ten points on the JPEG files."
)


def train(entry: Shipped, work: Path, data: Path | None) -> Run:
    """The finished run of a checkpoint; begun, gone on with or found finished in `work`."""
    run = Run(work / entry.name)
    if not run.exists:
        run = Run.create(run.path, _config(entry, data))
    if run.status().state != "finished":
        for event in execute(run, resume=run.resume_path.is_file()):
            if event.event in ("validation", "run_finished"):
                print(entry.name, event.to_json(), flush=True)
    return run


def _config(entry: Shipped, data: Path | None) -> RunConfig:
    recipe = find_recipe(entry.recipe)
    if entry.recipe == "budget":
        recipe = replace(recipe, batch_size=entry.batch_size, peak_lr=entry.peak_lr, augment=entry.augment)
    source = entry.dataset
    if source == CIFAR10_JPEG:
        if data is None:
            raise SystemExit(f"{entry.name} needs CIFAR-10 (JPEG): give the folder or .zip with --data PATH.")
        source = str(data)
    return new_config(find_model(entry.model), source, recipe, Length(epochs=entry.epochs), seed=entry.seed)


def publish(entry: Shipped, run: Run) -> None:
    """Weights, card and recorded run in `checkpoints/`."""
    weights = run.checkpoint()
    assert weights is not None
    data, card = weights.read_bytes(), make_card(entry, weights)
    if entry.ships_weights:
        write_atomically(SHIPPED / f"{entry.name}.safetensors", data)
        card["sha256"] = hashlib.sha256(data).hexdigest()
    write_atomically(SHIPPED / f"{entry.name}.json", json.dumps(card, indent=1) + "\n")
    log = run.log.path.read_text(encoding="utf-8").replace(
        json.dumps(str(weights)), json.dumps(f"{entry.name}.safetensors")
    )
    write_atomically(SHIPPED / f"{entry.name}.jsonl", log)


def make_card(entry: Shipped, weights: Path) -> dict[str, Any]:
    card = read_card(weights) | {"name": entry.name, "run": entry.name, "licence": "MIT"}
    card["published"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    if entry.dataset == CIFAR10_JPEG:
        card |= {"dataset": CIFAR10_JPEG, "dataset_title": "CIFAR-10 (JPEG)", "note": ABOUT_JPEG}
    return card


def check(entry: Shipped, data: Path | None) -> bool:
    """Whether the shipped weights give the test on their card again, to the digit."""
    source = str(data) if entry.dataset == CIFAR10_JPEG else entry.dataset
    checkpoint = open_checkpoint(entry.name)
    found = evaluate(checkpoint, load_data(source).test).as_dict()
    is_same = found == {key: checkpoint.card["test"][key] for key in found}
    print(f"{entry.name}: {found['accuracy']:.4f}, {'as' if is_same else 'NOT as'} on its card", flush=True)
    return is_same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all of {', '.join(CHECKPOINTS)}")
    parser.add_argument("--work", type=Path, default=home() / "shipped")
    parser.add_argument("--data", type=Path, help="CIFAR-10 (JPEG), for the checkpoints on it")
    parser.add_argument("--check", action="store_true", help="only test those that ship against their cards")
    args = parser.parse_args()
    if unknown := set(args.names) - set(CHECKPOINTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose of {', '.join(CHECKPOINTS)}")
    entries = [CHECKPOINTS[name] for name in args.names or CHECKPOINTS]
    if args.check:
        known = [entry for entry in entries if (SHIPPED / f"{entry.name}.safetensors").is_file()]
        known = [entry for entry in known if args.data or entry.dataset != CIFAR10_JPEG]
        return 0 if all([check(entry, args.data) for entry in known]) else 1
    for entry in entries:
        publish(entry, train(entry, args.work, args.data))
    return 0


if __name__ == "__main__":
    sys.exit(main())
