"""What a layer sees, for the Layers tab: pictures to choose from, and what the checkpoint in hand makes of one."""

from __future__ import annotations

import base64
import binascii
import json
import os
from typing import Any

from torch import Tensor

from ..checkpoint import Checkpoint
from ..errors import LabError, PictureRefused
from ..features import Maps, feature_maps, first_filters, path
from ..predict import view_for
from . import examples, shelf
from .failures import sentence
from .hand import Hand
from .layer_data import shape
from .markup import png_address
from .page import Lab
from .strings import say

MOST_CHARACTERS = 12_000_000  # of an upload in base64; the page sends pictures of at most 1,024 pixels


def entry_for(lab: Lab, hand: Hand) -> shelf.Entry | None:
    """The checkpoint in hand, or the newest one of the model in hand, whatever data it has seen."""
    chosen = shelf.chosen(lab, hand)
    if chosen is not None and chosen.model == hand.model:
        return chosen
    return next((entry for entry in shelf.entries(lab) if entry.model == hand.model), None)


def pictures(lab: Lab, hand: Hand) -> list[str]:
    """Ten pictures to look at, one a class, as data addresses."""
    return [png_address(pixels) for pixels in _sheet(lab, hand)[: examples.MOST_CLASSES]]


def _sheet(lab: Lab, hand: Hand) -> Tensor:
    entry = entry_for(lab, hand)
    return examples.sheet_for(entry.dataset if entry else hand.dataset, lab.root).images.images


def see(lab: Lab, hand: Hand, row: int, picture: int | str) -> dict[str, Any]:
    """What row number `row` makes of a picture: the number of one of `pictures`, or an upload as a data address.

    Raises: LabError, among them PictureRefused and CheckpointRefused.
    """
    if os.environ.get("SPACES_ZERO_GPU"):
        raise LabError(what=say("layers.see_not_here"))
    entry = entry_for(lab, hand)
    if entry is None:
        raise LabError(what=say("layers.see_untrained"))
    checkpoint = shelf.opened(entry.path)
    source = _upload(picture) if isinstance(picture, str) else examples.enlarged(_numbered(lab, hand, picture))
    view = view_for(checkpoint, source).pixels
    maps = feature_maps(checkpoint, view, row)
    return {
        "checkpoint": shelf.label_of(entry), "eye": png_address(view), "maps": _maps(maps),
        "title": say("layers.see_row", name=maps.name, shape=shape(maps.output_shape)),
        "note": _note(maps, checkpoint), "path": _path(checkpoint, view),
        "filters": [png_address(pixels) for pixels in first_filters(checkpoint)],
    }  # fmt: skip


def _numbered(lab: Lab, hand: Hand, number: int) -> Tensor:
    sheet = _sheet(lab, hand)
    return sheet[number if 0 <= number < len(sheet) else 0]


def _upload(address: str) -> bytes:
    refused = PictureRefused(picture="This picture", why="it did not arrive whole, or is larger than 8 MB")
    if len(address) > MOST_CHARACTERS or "," not in address:
        raise refused
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except binascii.Error as error:
        raise refused from error


def _maps(maps: Maps) -> list[tuple[str, int, str]]:
    """(picture, channel, how strong it is) for each channel shown."""
    return [
        (png_address(pixels[None]), channel, f"{strength:.3g}")
        for pixels, channel, strength in zip(maps.pixels, maps.channels, maps.strength)
    ]


def _note(maps: Maps, checkpoint: Checkpoint) -> str:
    signed = say("layers.see_signed" if maps.is_signed else "layers.see_unsigned")
    return say("layers.see_note", n=len(maps.channels), of=maps.output_shape[0], scale=signed)


def _path(checkpoint: Checkpoint, view: Tensor) -> list[tuple[str, str, str]]:
    """(name, shape, picture) of the stem and each stage."""

    def title(name: str) -> str:
        return say("draw.stem") if name == "stem" else say("draw.stage", n=name.removeprefix("layer"))

    stops = path(checkpoint, view)
    return [(title(stop.name), shape(stop.output_shape), png_address(stop.mean[None])) for stop in stops]


def answer(lab: Lab, asked: list[Any]) -> str:
    """JSON for the page, asked for as [hand, row, picture]; a refusal is {"error": sentence}."""
    try:
        text, row, picture = asked
        hand = Hand.of(str(text))
        if row is None:
            return json.dumps({"pictures": pictures(lab, hand)})
        return json.dumps(see(lab, hand, int(row), picture if isinstance(picture, str) else int(picture)))
    except LabError as error:
        return json.dumps({"error": sentence(error)})
    except (TypeError, ValueError):
        return json.dumps({"error": ""})
