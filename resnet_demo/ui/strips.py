"""A strip of a data set's pictures, one a class and two deep, as a single image in the page itself."""

from __future__ import annotations

import base64
import functools
import io
import re
from html import escape
from typing import TYPE_CHECKING

from ..datasets import DATASETS, availability
from ..errors import LabError
from .strings import say, translated
from .words import dataset_title, listed_words

if TYPE_CHECKING:
    import numpy as np

    from ..datasets import Dataset

ROWS = 2
CLASSES = 10


def strip_html(name: str) -> str:
    """The strip and one line about the data set; without pictures where they are not on this machine yet."""
    spec, found = DATASETS[name], availability(name)
    channels, height, width = spec.shape
    facts = say(
        "train.pictures", train=spec.train, test=spec.test, channels=channels, height=height, width=width,
        classes=len(spec.classes), where=re.split("[:：]", translated(found.where))[0],
    )  # fmt: skip
    alt = say("train.pictures_alt", title=dataset_title(name), classes=listed_words(spec.classes))
    address = _strip_or_nothing(name) if found.available else ""
    picture = f"<img src='{address}' alt='{escape(alt)}'>" if address else ""
    missing = "" if found.available else f" {say('train.no_pictures')}"
    return f"{picture}<p class='quiet'>{escape(facts)}{escape(missing)}</p>"


def _strip_or_nothing(name: str) -> str:
    """Data that cannot be read are told about by the run that wants them, not by every page that opens."""
    try:
        return _strip(name)
    except LabError:
        return ""


@functools.lru_cache(maxsize=8)
def _strip(name: str) -> str:
    """A data address of the strip, PNG."""
    from PIL import Image

    from ..datasets import load_dataset

    pixels = _tiles(load_dataset(name))
    image = Image.fromarray(pixels.squeeze(-1) if pixels.shape[-1] == 1 else pixels)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _tiles(data: Dataset) -> np.ndarray:
    """-> uint8 array (ROWS * H, classes * W, C)"""
    import torch

    images, labels = data.train.images, data.train.labels
    columns = []
    for label in range(min(CLASSES, len(data.classes))):
        chosen = images[(labels == label).nonzero().flatten()[:ROWS]]
        columns.append(torch.cat(list(chosen), dim=1))
    return torch.cat(columns, dim=2).permute(1, 2, 0).contiguous().numpy()
