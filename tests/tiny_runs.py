"""Runs small enough to train in a test: a zip of tiny pictures, a small residual net, one thread."""

from __future__ import annotations

import io
import random
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from resnet_demo.device import Compute
from resnet_demo.events import RunFinished, RunResumed, TrainEvent
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.runs.config import RunConfig, new_config
from resnet_demo.runs.store import Run
from resnet_demo.specs import MODELS, ResNetSpec

TINY = replace(MODELS["resnet20"], name="tiny", family="custom", blocks_per_stage=(1, 1, 1), widths=(4, 8, 8),
               stem=replace(MODELS["resnet20"].stem, width=4))  # fmt: skip
RECIPE = replace(RECIPES["budget"], batch_size=16, resize=8, augment=("crop", "flip"))
ONE_THREAD = Compute("cpu", "float32", 1).as_dict()


def make_pictures(path: Path, train: int = 60, test: int = 10) -> Path:
    """A .zip of two classes, reddish and bluish noise of 8x8 pixels, `train` and `test` pictures of each."""
    rng = random.Random(0)
    with zipfile.ZipFile(path, "w") as archive:
        for split, count in (("train", train), ("test", test)):
            for label, (red, blue) in {"red": (200, 60), "blue": (60, 200)}.items():
                for index in range(count):
                    noise = [
                        (max(0, min(255, round(rng.gauss(mean, 60)))) for mean in (red, 120, blue)) for _ in range(64)
                    ]
                    picture = Image.new("RGB", (8, 8))
                    picture.putdata([tuple(pixel) for pixel in noise])
                    buffer = io.BytesIO()
                    picture.save(buffer, "PNG")
                    archive.writestr(f"{split}/{label}/{index}.png", buffer.getvalue())
    return path


def tiny_config(pictures: Path | str, spec: ResNetSpec = TINY, **changes: Any) -> RunConfig:
    """A run of 60 steps, validated every third and at the end of an epoch, unless `length` says otherwise."""
    options = {"length": Length(steps=60), "seed": 3, **changes}
    return replace(new_config(spec, str(pictures), RECIPE, **options), compute=ONE_THREAD)


def comparable(events: Iterable[TrainEvent]) -> list[TrainEvent]:
    """The events of a run without what only tells of its interruptions."""
    events = list(events)
    last = len(events) - 1
    return [
        event for index, event in enumerate(events)
        if not isinstance(event, RunResumed) and not (isinstance(event, RunFinished) and index < last)
    ]  # fmt: skip


def wait_until(condition: Callable[[], Any], seconds: float = 120.0) -> Any:
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.01)
    return found


def ended(run: Run) -> bool:
    return not run.status().is_active
