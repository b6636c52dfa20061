#!/usr/bin/env python
"""Makes resnet_demo/assets/examples: a sheet of twenty Fashion-MNIST test pictures, and drawn sample pictures.

    python scripts/make_examples.py

The sheet is ten columns (classes in label order) by two rows of 28x28 pictures, the same on every run. The samples are
drawn here: a dark boot and a dark shirt on white, as shops show them, and a white shirt on a dark ground.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
FOLDER = ROOT / "resnet_demo" / "assets" / "examples"
SEED, PER_CLASS = 0, 2


def choose(labels: np.ndarray, classes: int) -> list[list[int]]:
    """`PER_CLASS` rows of indices, one of each class in every row."""
    draw = np.random.RandomState(SEED)
    by_class = [draw.choice(np.flatnonzero(labels == label), PER_CLASS, replace=False) for label in range(classes)]
    return [[int(chosen[row]) for chosen in by_class] for row in range(PER_CLASS)]


def make_sheet() -> None:
    from resnet_demo.datasets import load_dataset

    test = load_dataset("fashion-mnist").test
    rows = choose(test.labels.numpy(), len(test.classes))
    pixels = test.images[:, 0].numpy()
    sheet = np.concatenate([np.concatenate([pixels[i] for i in row], axis=1) for row in rows])
    Image.fromarray(sheet).save(FOLDER / "fashion-mnist.png", optimize=True)
    described = {"dataset": "fashion-mnist", "side": 28, "classes": list(test.classes), "seed": SEED, "indices": rows}
    (FOLDER / "fashion-mnist.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


Outline = list[tuple[float, float]]  # in shares of the shorter side
Colour = tuple[int, int, int]
SHIRT = [
    (0.36, 0.1), (0.44, 0.15), (0.56, 0.15), (0.64, 0.1), (0.93, 0.28), (0.85, 0.46), (0.72, 0.4), (0.72, 0.93),
    (0.28, 0.93), (0.28, 0.4), (0.15, 0.46), (0.07, 0.28),
]  # fmt: skip
BOOT = [
    (0.32, 0.08), (0.66, 0.08), (0.67, 0.5), (0.78, 0.6), (0.95, 0.68), (0.97, 0.84), (0.62, 0.84), (0.5, 0.8),
    (0.5, 0.9), (0.3, 0.9),
]  # fmt: skip
SAMPLES = {
    "shirt-on-white": (SHIRT, (250, 250, 248), (38, 60, 98), (280, 350)),
    "white-shirt-on-dark": (SHIRT, (24, 24, 28), (236, 234, 228), (320, 320)),
    "boot-on-white": (BOOT, (255, 255, 255), (92, 58, 34), (360, 270)),
}


def draw_sample(outline: Outline, ground: Colour, colour: Colour, size: tuple[int, int]) -> Image.Image:
    """A thing in one colour with a softly lit side, drawn at four times the size and averaged down."""
    width, height = size
    large = Image.new("RGB", (4 * width, 4 * height), ground)
    side, left = 4 * min(size), 2 * (width - min(size))
    top = 2 * (height - min(size))
    points = [(left + x * side, top + y * side) for x, y in outline]
    ImageDraw.Draw(large).polygon(points, fill=colour)
    picture = np.asarray(large.reduce(4), dtype=np.float32)
    is_thing = (np.abs(picture - np.array(ground)).sum(2) > 60)[:, :, None]
    light = np.linspace(1.12, 0.8, width, dtype=np.float32)[None, :, None]
    return Image.fromarray(np.where(is_thing, picture * light, picture).clip(0, 255).astype(np.uint8))


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    make_sheet()
    for name, description in SAMPLES.items():
        draw_sample(*description).save(FOLDER / f"{name}.jpg", quality=85, optimize=True)
    print(*sorted(f"{path.name} {path.stat().st_size:,} bytes" for path in FOLDER.iterdir()), sep="\n")
