"""A picture -> the model's-eye view -> probabilities, through the same path as a whole test set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from .errors import InvalidOption, PictureRefused
from .framing import centred, edge_colour, fitted, is_colourful
from .pictures import Source, open_picture

if TYPE_CHECKING:
    from PIL import Image

    from .checkpoint import Checkpoint

FITS = ("auto", "crop", "pad")
INVERSIONS = ("auto", "yes", "no")
LIGHT_ON_DARK = ("fashion-mnist", "fashion-mnist-small", "mnist")  # data whose things are light on a black ground

Picture: TypeAlias = Source | Tensor


@dataclass(frozen=True)
class View:
    """What a model is shown: `pixels` uint8 (C, H, W); `inverted` where dark and light were exchanged.

    `lost_colour` where the picture has colours, and the model sees grey.
    """

    pixels: Tensor
    inverted: bool = False
    lost_colour: bool = False


@dataclass(frozen=True, eq=False)
class Prediction:
    """`top` is (class, probability), the most probable first; `probabilities` all of them in label order."""

    top: tuple[tuple[str, float], ...]
    view: Tensor
    inverted: bool
    probabilities: tuple[float, ...] = ()
    lost_colour: bool = False


def look(
    picture: Source, shape: Sequence[int], fit: str = "crop", invert: str = "no", short_side: int | None = None
) -> View:
    """The picture at the model's own size and channels. `shape` is (C, H, W) with one channel (grey) or three (RGB).

    Where `short_side` is given, a crop is the middle of the picture scaled to it, as ImageNet's are cut.
    `invert` is `yes`, `no`, or `auto`: where the picture's edge is light, as paper and shop pictures are.
    Raises: PictureRefused, InvalidOption.
    """
    _check("fit", fit, FITS[1:])
    _check("invert", invert, INVERSIONS)
    channels, height, width = shape
    opened = open_picture(picture)
    if channels not in (1, 3):
        raise PictureRefused(picture="A picture", why=f"this model takes {channels} channels, a picture has 1 or 3")
    lost_colour = channels == 1 and is_colourful(opened)
    opened = opened.convert("L" if channels == 1 else "RGB")
    inverted = invert == "yes" or (invert == "auto" and _has_light_edge(opened))
    if short_side is not None and fit == "crop":
        pixels = _to_tensor(centred(opened, width, height, short_side))
    else:
        pixels = _to_tensor(fitted(opened, width, height, fit))
    return View(255 - pixels if inverted else pixels, inverted, lost_colour)


def to_input(picture: Source, shape: Sequence[int], fit: str = "crop", invert: str = "no") -> Tensor:
    """The model's-eye view alone: uint8 (C, H, W). See `look`, which also says whether it was inverted."""
    return look(picture, shape, fit, invert).pixels


def _has_light_edge(picture: Image.Image) -> bool:
    edge = edge_colour(picture.convert("L"))
    return isinstance(edge, int) and edge > 127


def _to_tensor(picture: Image.Image) -> Tensor:
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return pixels.view(picture.height, picture.width, len(picture.getbands())).permute(2, 0, 1).contiguous()


def view_for(checkpoint: Checkpoint, picture: Picture, fit: str = "auto", invert: str = "auto") -> View:
    """What this checkpoint's model is shown. `auto` treats a picture as the model's own data were treated.

    Clothes and digits, light on dark, stand whole in their frame: the picture is padded, and inverted where its edge is
    light. All other data fill the frame: the picture is cropped and never inverted.
    A uint8 tensor (C, H, W) of the model's own shape is taken as it is: it is a picture of the data set.
    Raises: PictureRefused, InvalidOption.
    """
    if isinstance(picture, Tensor):
        return _view_of_tensor(picture, tuple(checkpoint.shape), invert)
    _check("fit", fit, FITS)
    is_light_on_dark = checkpoint.card.get("dataset") in LIGHT_ON_DARK
    if fit == "auto":
        fit = "pad" if is_light_on_dark else "crop"
    if invert == "auto" and not is_light_on_dark:
        invert = "no"
    return look(picture, checkpoint.shape, fit, invert, checkpoint.card.get("short_side"))


def _view_of_tensor(pixels: Tensor, shape: tuple[int, ...], invert: str) -> View:
    _check("invert", invert, INVERSIONS)
    if pixels.dtype != torch.uint8 or tuple(pixels.shape) != shape:
        raise PictureRefused(picture="This tensor", why=f"it must be uint8 of shape {shape}")
    return View(255 - pixels, True) if invert == "yes" else View(pixels)


def classify(
    checkpoint: Checkpoint, pictures: Iterable[Picture], top: int = 5, fit: str = "auto", invert: str = "auto"
) -> list[Prediction]:
    """One Prediction a picture, in their order. A picture's answer does not depend on what it is batched with.

    Raises: PictureRefused, InvalidOption.
    """
    from .evaluate import probabilities

    if top < 1:
        raise InvalidOption(option="top", value=top, allowed="1 or more")
    views = [view_for(checkpoint, picture, fit, invert) for picture in pictures]
    if not views:
        return []
    rows = probabilities(checkpoint, torch.stack([view.pixels for view in views]))
    return [_prediction(checkpoint.classes, view, row, top) for view, row in zip(views, rows)]


def _prediction(classes: Sequence[str], view: View, row: Tensor, top: int) -> Prediction:
    best = row.topk(min(top, len(classes)))
    ranked = tuple((classes[index], value) for value, index in zip(best.values.tolist(), best.indices.tolist()))
    return Prediction(ranked, view.pixels, view.inverted, tuple(row.tolist()), view.lost_colour)


def _check(option: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InvalidOption(option=option, value=repr(value), allowed=f"one of {', '.join(allowed)}")
