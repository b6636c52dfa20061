"""What is learnt in a given time: test accuracy of whole runs, as the page and the command line make them.

    python -m benchmarks.accuracy [--recipe speedrun] [--model resnet9-slim] [--seconds 30,60,180] [--seeds 0,1,2]
    python -m benchmarks.accuracy --data cifar10-jpeg.zip --seconds 480 --goal 0.82
    python -m benchmarks.accuracy --notebook 4

Seeds are fixed beforehand and all are told. `--notebook N` times N steps of the d2l notebook's recipe instead:
resnet18-d2l in float32, batch 256, on pictures that two workers resize to 96. Its 10 epochs are the baseline.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchvision import transforms

from benchmarks.measure import machine, machine_row, report, seconds
from benchmarks.throughput import PerImage
from resnet_demo import verbs
from resnet_demo.datasets import load_data
from resnet_demo.events import RunFinished
from resnet_demo.recipes import RECIPES
from resnet_demo.resnet import build
from resnet_demo.runs.execute import execute
from resnet_demo.runs.store import Run
from resnet_demo.specs import find_model

NOTEBOOK, NOTEBOOK_EPOCHS, SIDE = "d2l-96", 10, 96


def one_run(asked: argparse.Namespace, duration: float, seed: int) -> RunFinished:
    with tempfile.TemporaryDirectory() as home:
        config = verbs.run_config(
            asked.model, "fashion-mnist", asked.recipe, seconds=duration, seed=seed, data=asked.data
        )
        *_, finished = execute(Run.create(Path(home) / "run", config))
    assert isinstance(finished, RunFinished)
    return finished


def told_runs(asked: argparse.Namespace, duration: float) -> tuple[str, dict]:
    runs = [one_run(asked, duration, seed) for seed in asked.seeds]
    tested = [run.test_accuracy or 0.0 for run in runs]
    speeds = [round(run.images_per_second) for run in runs]
    told = machine()
    mean = statistics.fmean(tested)
    row = f"test {mean:.4f} ({', '.join(f'{one:.4f}' for one in tested)}), {speeds} images/s; {machine_row(told)}"
    return row, {"mean": round(mean, 4), "each": tested, "images_per_second": speeds, **told}


def notebook_step_seconds(steps: int) -> float:
    """A step of the d2l notebook's recipe, the loader's work included."""
    recipe = RECIPES[NOTEBOOK]
    model = build(find_model("resnet18-d2l"), seed=0).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.peak_lr)
    pictures = PerImage(load_data("fashion-mnist").train, augment=False)
    pictures.transform = transforms.Compose([transforms.Resize(SIDE), transforms.ToTensor()])
    batches = iter(DataLoader(pictures, recipe.batch_size, shuffle=True, num_workers=2))

    def step() -> None:
        images, labels = next(batches)
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    step()
    return statistics.median(seconds(step) for _ in range(steps))


def tell_notebook(steps: int) -> None:
    step, told = notebook_step_seconds(steps), machine()
    count = NOTEBOOK_EPOCHS * -(-60_000 // RECIPES[NOTEBOOK].batch_size)
    rows = {
        "a step of 256 pictures": f"{step:.2f} s, {256 / step:.0f} images/s",
        f"{NOTEBOOK_EPOCHS} epochs, {count:,} steps": f"{count * step:,.0f} s",
        "machine": machine_row(told),
    }
    report("The d2l notebook's recipe at 96x96", rows, {"benchmark": "notebook", "step_seconds": round(step, 3),
           "seconds": round(count * step), **told})  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    numbers = lambda kind: lambda text: [kind(part) for part in text.split(",")]  # noqa: E731
    parser.add_argument("--recipe", default="speedrun")
    parser.add_argument("--model", default="resnet9-slim")
    parser.add_argument("--data", help="a folder or .zip instead of Fashion-MNIST")
    parser.add_argument("--seconds", type=numbers(float), default=[30.0, 60.0, 180.0])
    parser.add_argument("--seeds", type=numbers(int), default=[0, 1, 2])
    parser.add_argument("--goal", type=float, help="say whether the mean reaches it")
    parser.add_argument("--notebook", type=int, metavar="N", help="time N steps of the d2l notebook's recipe instead")
    asked = parser.parse_args()
    if asked.notebook:
        return tell_notebook(asked.notebook)
    rows, result = {}, {}
    for duration in asked.seconds:
        rows[f"{duration:g} s"], result[f"{duration:g}"] = told_runs(asked, duration)
        print(duration, rows[f"{duration:g} s"], flush=True)
        if asked.goal:
            rows[f"{duration:g} s"] += f"; {asked.goal} " + (
                "reached" if result[f"{duration:g}"]["mean"] >= asked.goal else "not reached"
            )
    report(f"{asked.model} with {asked.recipe}", rows, {"benchmark": "accuracy", "model": asked.model,
           "recipe": asked.recipe, "runs": result})  # fmt: skip


if __name__ == "__main__":
    main()
