"""Names, times and numbers as the page writes them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from .. import imagenet
from ..datasets import CIFAR10_JPEG, CIFAR10_JPEG_TITLE, DATASETS
from ..recipes import Length
from ..specs import MODELS, find_model, is_model
from .strings import named, say


def model_title(name: str) -> str:
    """How the field writes a model's name: ResNet-20, Plain-56, ResNet-18-cifar, Own ResNet-14."""
    spec = MODELS.get(name)
    if spec is None and is_model(name):
        own = find_model(name)
        title = say("model.own_plain" if own.is_plain else "model.own_residual", depth=own.depth)
        return title if own.norm else say("model.own_unnormed", name=title)
    kind = "Plain" if name.startswith("plain") else "ResNet"
    rest = name.removeprefix(kind.lower())
    return f"{kind}-{rest}" if spec or rest != name else name


def dataset_title(name: str) -> str:
    """What the data set is called here; the last part of a path."""
    return named(plain_title(name))


def plain_title(name: str) -> str:
    """The data set's title as files have it, in English; the last part of a path."""
    if name == imagenet.NAME:
        return imagenet.TITLE
    if name == CIFAR10_JPEG:
        return CIFAR10_JPEG_TITLE
    return DATASETS[name].title if name in DATASETS else name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def listed_words(names: Iterable[str]) -> str:
    """Classes one after the other, as this language calls and lists them."""
    return say("frame.comma").join(map(named, names))


def seconds_words(seconds: float) -> str:
    """41 s, 90 s, 2 min 5 s, 1 h 12 min."""
    whole = max(0, round(seconds))
    if whole < 100:
        return say("frame.seconds", n=whole)
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return say("frame.minutes_seconds", n=minutes, rest=rest) if rest else say("frame.minutes", n=minutes)
    return say("frame.hours_minutes", n=minutes // 60, rest=minutes % 60)


def clock_words(created: str) -> str:
    """An ISO time in the server's local time: `14:05`, or with its date if that is not today's."""
    try:
        moment = datetime.fromisoformat(created).astimezone()
    except ValueError:
        return created or "–"
    is_today = moment.date() == datetime.now().astimezone().date()
    return f"{moment:%H:%M}" if is_today else say("frame.date", moment=moment)


def length_words(length: Length) -> str:
    """How long a run was asked to be."""
    parts = [seconds_words(length.seconds)] if length.seconds else []
    parts += [say("train.epochs", n=length.epochs)] if length.epochs else []
    parts += [say("train.steps", n=length.steps)] if length.steps else []
    return say("frame.comma").join(parts)


def accuracy(value: float | None) -> str:
    """Three digits, or a dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"
