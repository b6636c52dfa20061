"""Small folders and .zip files of pictures for the tests, and how a refusal of them reads."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.errors import ArchiveRefused
from resnet_demo.folders import read_pictures

COLOURS = {"cats": (200, 30, 30), "dogs": (30, 200, 30), "eels": (30, 30, 200)}


def picture(colour=(200, 30, 30), size=(40, 32), kind="PNG") -> bytes:
    file = io.BytesIO()
    Image.new("L" if isinstance(colour, int) else "RGB", size, colour).save(file, kind)
    return file.getvalue()


def flat(count: int = 10) -> dict[str, bytes]:
    return {f"{name}/{n:03}.png": picture(colour) for name, colour in COLOURS.items() for n in range(count)}


def split(train: int = 4, test: int = 2) -> dict[str, bytes]:
    return {
        f"{part}/{name}/{n}.png": picture(colour)
        for part, count in (("train", train), ("test", test))
        for name, colour in COLOURS.items()
        for n in range(count)
    }


def as_folder(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def as_zip(files: dict[str, bytes], path: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def read(path: Path, side: int = 32, cache: Path | None = None):
    return read_pictures(path, side, lambda what, share: None, cache)


def refusal(path: Path) -> str:
    with pytest.raises(ArchiveRefused) as caught:
        read(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path.name} cannot be used as a data set: ") and "\n" not in sentence
    return sentence
