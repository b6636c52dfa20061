"""Draws resnet_demo/assets/fashion-mnist-small.npz from Fashion-MNIST, the same pictures every time.

    python scripts/make_small_dataset.py [--out FILE]

1,200 training and 200 test pictures of each class, in the order in which they stand in the original files.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from resnet_demo.datasets import ImageSet, load_dataset
from resnet_demo.home import replacing
from resnet_demo.sources import SMALL

SEED = 0
PER_CLASS = {"train": 1200, "test": 200}


def drawn(images: ImageSet, per_class: int, seed: int) -> np.ndarray:
    """Ascending indices of `per_class` pictures of each class."""
    labels, draw = images.labels.numpy(), np.random.RandomState(seed)
    members = [draw.permutation(np.flatnonzero(labels == label))[:per_class] for label in range(len(images.classes))]
    return np.sort(np.concatenate(members))


def small_arrays() -> dict[str, Any]:
    """What the file holds: `<split>_images` uint8 (N, 28, 28) and `<split>_labels` uint8 (N,)."""
    data, arrays = load_dataset("fashion-mnist"), {}
    for split, per_class in PER_CLASS.items():
        images = getattr(data, split)
        chosen = drawn(images, per_class, SEED)
        arrays[f"{split}_images"] = images.images[chosen, 0].numpy()
        arrays[f"{split}_labels"] = images.labels[chosen].numpy().astype(np.uint8)
    return arrays


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=SMALL)
    out = parser.parse_args().out
    with replacing(out) as part, part.open("wb") as file:
        np.savez_compressed(file, **small_arrays())
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
