"""Pictures to click: twenty of a data set's test pictures, two a class, and a few drawn ones that are no part of it."""

from __future__ import annotations

import base64
import functools
import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ..datasets import DATASETS, availability, load_dataset
from ..imagesets import ImageSet
from .markup import png_address, quiet, send
from .strings import named, say
from .words import plain_title

FOLDER = Path(__file__).resolve().parent.parent / "assets" / "examples"
SHIPPED_FOR = ("fashion-mnist", "fashion-mnist-small")
SAMPLES = ("shirt-on-white", "white-shirt-on-dark", "boot-on-white")
PER_CLASS, MOST_CLASSES, SEED = 2, 10, 0
SHOWN_SIDE = 280  # pixels; a whole multiple of a small picture comes back from it exactly


@dataclass(frozen=True, eq=False)
class Sheet:
    """`images` holds one row of classes after the other; `title` is the data set's."""

    images: ImageSet
    title: str


def sheet_for(dataset: str, root: Path | None = None) -> Sheet:
    """Examples of that data set's test pictures, or of Fashion-MNIST's where it is not on this machine."""
    if dataset in DATASETS and dataset not in SHIPPED_FOR and availability(dataset, root).available:
        return _drawn(dataset, root)
    return _shipped()


@functools.lru_cache(maxsize=1)
def _shipped() -> Sheet:
    described = json.loads((FOLDER / "fashion-mnist.json").read_text(encoding="utf-8"))
    classes, side = tuple(described["classes"]), described["side"]
    with Image.open(FOLDER / "fashion-mnist.png") as picture:
        pixels = torch.from_numpy(np.array(picture))
    rows = pixels.unflatten(0, (-1, side)).unflatten(2, (-1, side))  # (rows, side, classes, side)
    images = rows.permute(0, 2, 1, 3).reshape(-1, 1, side, side)
    labels = torch.arange(len(classes)).repeat(PER_CLASS)
    return Sheet(ImageSet(images, labels, classes), plain_title("fashion-mnist"))


@functools.lru_cache(maxsize=8)
def _drawn(dataset: str, root: Path | None) -> Sheet:
    test = load_dataset(dataset, root=root).test
    draw = np.random.RandomState(SEED)
    shown = range(min(MOST_CLASSES, len(test.classes)))
    members = [np.flatnonzero(test.labels.numpy() == label) for label in shown]
    chosen = np.stack([draw.choice(found, PER_CLASS, replace=len(found) < PER_CLASS) for found in members])
    return Sheet(test.subset(torch.from_numpy(chosen.T.ravel())), plain_title(dataset))


def enlarged(pixels: torch.Tensor) -> Image.Image:
    """A small picture, uint8 (C, H, W), at a size that a browser shows well and that gives it back exactly."""
    array = pixels.permute(1, 2, 0).squeeze(-1).numpy()
    picture = Image.fromarray(np.ascontiguousarray(array))
    factor = max(1, SHOWN_SIDE // max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)


def sample(name: str) -> Path:
    """The file of one of SAMPLES.  Raises: KeyError."""
    if name not in SAMPLES:
        raise KeyError(name)
    return FOLDER / f"{name}.jpg"


def sheet_html(sheet: Sheet) -> str:
    """The twenty pictures and the drawn ones as buttons; each says what it shows."""
    images = sheet.images
    buttons = [
        _button({"example": index}, named(images.classes[int(label)]), png_address(pixels))
        for index, (pixels, label) in enumerate(zip(images.images, images.labels))
    ]
    drawn = [_button({"sample": name}, say(f"classify.sample_{name}"), _sample_address(name)) for name in SAMPLES]
    columns = min(MOST_CLASSES, len(images.classes))
    heading = say("classify.examples", data=named(sheet.title))
    return (
        f'{quiet(heading)}<div class="sheet" style="--columns:{columns}">{"".join(buttons)}</div>'
        f'{quiet(say("classify.samples"))}<div class="samples">{"".join(drawn)}</div>'
    )


def _button(message: dict[str, object], title: str, address: str) -> str:
    words = escape(title)
    return f'<button type="button" {send(message)} title="{words}"><img src="{address}" alt="{words}"></button>'


@functools.lru_cache(maxsize=len(SAMPLES))
def _sample_address(name: str) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(sample(name).read_bytes()).decode()
