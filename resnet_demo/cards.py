"""What a checkpoint's card may say: whatever would make the lab compute, allocate or show nonsense is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import CheckpointRefused
from .preprocess import Preprocess
from .specs import ResNetSpec

LARGEST_INPUT = 1024  # pixels, what a card may have pictures enlarged to
CARD_KEYS = ("model", "spec", "classes", "shape")


def find_card(header: bytes) -> dict[str, Any] | None:
    """The card in the header of a safetensors file, whatever it says; None where there is none."""
    try:
        card = json.loads(json.loads(header)["__metadata__"]["card"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return card if isinstance(card, dict) else None


def card_of(header: bytes, path: Path) -> dict[str, Any]:
    """The card in the header of a safetensors file.

    Raises: CheckpointRefused.
    """
    card = find_card(header)
    if card is None:
        raise CheckpointRefused(path=path.name, why="it is not a safetensors file with a card of this lab")
    if missing := [key for key in CARD_KEYS if key not in card]:
        raise CheckpointRefused(path=path.name, why=f"its card lacks {', '.join(missing)}")
    return card


def check_card(card: Mapping[str, Any], spec: ResNetSpec, path: Path) -> None:
    """Raises: CheckpointRefused for a card that does not fit the network, or that nobody could have meant."""
    shape, classes, resize = card["shape"], card["classes"], card.get("resize")
    is_shape = isinstance(shape, list) and len(shape) == 3 and all(type(n) is int and 0 < n <= 4096 for n in shape)
    if not is_shape or shape[0] != spec.in_channels:
        raise CheckpointRefused(path=path.name, why="its card gives no usable picture size")
    if resize is not None and (type(resize) is not int or not 1 <= resize <= LARGEST_INPUT):
        raise CheckpointRefused(
            path=path.name, why=f"its card resizes to something else than 1 to {LARGEST_INPUT} pixels"
        )
    short_side = card.get("short_side")
    if short_side is not None and (type(short_side) is not int or not max(shape[1:]) <= short_side <= LARGEST_INPUT):
        raise CheckpointRefused(
            path=path.name, why=f"its card scales pictures to something else than their size to {LARGEST_INPUT} pixels"
        )
    if not _are_names(classes) or len(classes) != spec.num_classes:
        raise CheckpointRefused(path=path.name, why=f"its card does not name {spec.num_classes} classes")
    for key in ("name", "model", "dataset", "dataset_title"):
        if not isinstance(card.get(key, ""), str):
            raise CheckpointRefused(path=path.name, why=f"the {key} on its card is no text")
    if not isinstance(card.get("test") or {}, dict):
        raise CheckpointRefused(path=path.name, why="the test on its card is no table")


def _are_names(classes: Any) -> bool:
    are_texts = isinstance(classes, list) and all(isinstance(name, str) and name for name in classes)
    return are_texts and len(set(classes)) == len(classes)


def check_preprocess(preprocess: Preprocess, shape: list[int], path: Path) -> None:
    """Raises: CheckpointRefused unless mean and deviation are numbers for pictures of `shape`."""
    fitting = ((shape[0], 1, 1), tuple(shape))
    for name, value in (("mean", preprocess.mean), ("std", preprocess.std)):
        if tuple(value.shape) not in fitting or not value.isfinite().all():
            raise CheckpointRefused(path=path.name, why=f"its preprocess.{name} does not fit its pictures")
    if not (preprocess.std > 0).all():
        raise CheckpointRefused(path=path.name, why="its preprocess.std is not above 0")
