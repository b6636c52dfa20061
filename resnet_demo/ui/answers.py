"""What the Classify tab says about one picture: the model's-eye view, five bars, and all the answers there are."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from .markup import png_address, quiet, send
from .strings import named, say
from .words import listed_words

if TYPE_CHECKING:
    from ..predict import Prediction

MOST_CLASSES_NAMED = 40
MOST_OFFERED = 2  # checkpoints that see colour


def eye_html(prediction: Prediction) -> str:
    """The picture as the model gets it, every pixel of it, and what was done to it."""
    channels, height, width = prediction.view.shape
    kind = say("classify.grey" if channels == 1 else "classify.colour")
    size = say("classify.eye_size", width=width, height=height, kind=kind)
    inverted = f" {say('classify.inverted')}" if prediction.inverted else ""
    alt = say("classify.eye_alt", width=width, height=height)
    return (
        f'<figure class="eye"><img src="{png_address(prediction.view)}" alt="{escape(alt)}">'
        f"<figcaption>{escape(size)}{escape(inverted)}</figcaption></figure>"
    )


def no_eye_html() -> str:
    words = escape(say("classify.eye_empty"))
    return f'<figure class="eye"><div class="nothing"></div><figcaption>{words}</figcaption></figure>'


def bars_html(prediction: Prediction, classes: Sequence[str]) -> str:
    """The most probable classes with their per cent, the first one in words, and all the answers there are."""
    name, probability = prediction.top[0]
    verdict = f"<b>{escape(named(name))}</b> <span>{_percent(probability)}</span>"
    bars = "".join(_bar(*answer) for answer in prediction.top)
    return f'<p class="verdict">{verdict}</p><ol class="bars">{bars}</ol>{own_classes_html(classes)}'


def colour_html(entries: Sequence[tuple[str, str]]) -> str:
    """The offer of checkpoints, (what one reads, key), that see the colours of this picture; "" without any."""
    if not entries:
        return ""
    buttons = "".join(
        f'<button type="button" class="ask" {send({"use": key})}>{escape(say("classify.use_colour", name=name))}'
        "</button>"
        for name, key in entries[:MOST_OFFERED]
    )
    return f'{quiet(say("classify.lost_colour"))}<div class="asks">{buttons}</div>'


def _bar(name: str, probability: float) -> str:
    return (
        f'<li><span class="what">{escape(named(name))}</span><span class="bar" aria-hidden="true">'
        f'<i style="width:{100 * probability:.1f}%"></i></span><span class="number">{_percent(probability)}</span></li>'
    )


def _percent(probability: float) -> str:
    """Per cent with one decimal; never a rounded 0 or 100 that is not one."""
    percent = 100 * probability
    if 0 < percent < 0.05:
        return "< 0.1 %"
    if 99.95 <= percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def own_classes_html(classes: Sequence[str]) -> str:
    listed = listed_words(classes[:MOST_CLASSES_NAMED])
    if len(classes) > MOST_CLASSES_NAMED:
        listed = say("classify.and_more", named=listed, count=len(classes) - MOST_CLASSES_NAMED)
    return quiet(say("classify.own_classes", count=len(classes), named=listed))


def no_picture_html(classes: Sequence[str]) -> str:
    return quiet(say("classify.no_picture")) + own_classes_html(classes)


def no_checkpoint_html() -> str:
    words = escape(say("classify.go_train"))
    return (
        f'{quiet(say("classify.no_checkpoint"))}<div class="asks">'
        f'<button type="button" class="ask primary" {send({"go": "train"})}>{words}</button></div>'
    )
