"""The import paths, given files that chance has spoiled: a result or a LabError, never anything else."""

from __future__ import annotations

from pathlib import Path

import bad_inputs
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from resnet_demo.checkpoint import open_checkpoint, read_card
from resnet_demo.errors import LabError
from resnet_demo.folders import read_pictures
from resnet_demo.foreign import recognise
from resnet_demo.pictures import open_picture
from resnet_demo.weights import read_weights

FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
GOOD = {
    "png": bad_inputs.picture_file("PNG"),
    "jpg": bad_inputs.picture_file("JPEG"),
    "gif": bad_inputs.picture_file("GIF"),
    "tif": bad_inputs.picture_file("TIFF"),
    "bmp": bad_inputs.picture_file("BMP"),
    "zip": bad_inputs.zip_of(bad_inputs.pets()),
    "safetensors": bad_inputs.carded(),
    "pth": bad_inputs.saved({"fc.weight": torch.zeros(3, 3)}),
}
NEAR_START = 4000  # headers are where a changed byte matters


@some.composite
def spoiled(draw, kind: str) -> bytes:
    """A good file with some bytes changed, a piece cut out, or something put in."""
    data = bytearray(GOOD[kind])
    for _ in range(draw(some.integers(1, 4))):
        at = draw(some.integers(0, min(len(data), NEAR_START) - 1))
        if draw(some.booleans()):
            at = len(data) - 1 - at
        piece = draw(some.binary(min_size=0, max_size=8))
        data[at : at + draw(some.integers(0, 12))] = piece
        if not data:
            return b""
    return bytes(data)


def given_to(reader, path: Path, data: bytes) -> None:
    path.write_bytes(data)
    try:
        reader(path)
    except LabError as error:
        assert str(error) and "\n" not in str(error) and len(str(error)) < 600


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "tif", "bmp"])
def test_pictures(kind, tmp_path):
    @FEW
    @given(spoiled(kind))
    def check(data):
        given_to(open_picture, tmp_path / f"x.{kind}", data)

    check()


def test_archives(tmp_path):
    @FEW
    @given(spoiled("zip"))
    def check(data):
        given_to(lambda path: read_pictures(path, 16, lambda what, share: None), tmp_path / "x.zip", data)

    check()


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_weights(kind, tmp_path):
    @FEW
    @given(spoiled(kind))
    def check(data):
        path = tmp_path / f"x.{kind}"
        for reader in (open_checkpoint, read_card, lambda given: recognise(read_weights(given))):
            given_to(reader, path, data)

    check()


def test_bytes_of_any_kind(tmp_path):
    @FEW
    @given(some.binary(max_size=300))
    def check(data):
        path = tmp_path / "x"
        readers = (open_picture, open_checkpoint, read_card, read_weights)
        for reader in (*readers, lambda given: read_pictures(given, 16, lambda what, share: None)):
            given_to(reader, path, data)

    check()
