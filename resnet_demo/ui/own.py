"""The controls of a network of one's own: text and choices in, a model's name out."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr

from ..architecture import BLOCKS, SHORTCUTS
from ..custom import CLASSES, OWN, STEMS, own_name, own_parts
from ..errors import LabError
from ..specs import ResNetSpec, find_model
from .failures import sentence
from .hand import Hand
from .markup import alert
from .strings import say

FIELDS = ("block", "blocks", "widths", "stem", "shortcut", "classes")


def controls() -> dict[str, Any]:
    """The controls by FIELDS, as they stand for the name that `own_like` gives to ResNet-20."""

    def radio(field: str, values: Any, value: str) -> gr.Radio:
        choices = [(say(f"model.own_{field}_{name}"), name) for name in values]
        return gr.Radio(choices, value=value, label=say(f"model.own_{field}"), elem_id=f"own-{field}")

    def text(field: str, value: str) -> gr.Textbox:
        info = say(f"model.own_{field}_help")
        return gr.Textbox(value, label=say(f"model.own_{field}"), info=info, max_length=60, elem_id=f"own-{field}")

    return {
        "block": radio("block", BLOCKS, "basic"),
        "blocks": text("blocks", "3 3 3"),
        "widths": text("widths", "16 32 64"),
        "stem": radio("stem", STEMS, "cifar"),
        "shortcut": radio("shortcut", SHORTCUTS, "zero_pad"),
        "classes": gr.Number(10, label=say("model.own_classes"), precision=0, elem_id="own-classes"),
    }


def shown(spec: ResNetSpec) -> tuple[Any, ...]:
    """The values of the controls for a network of one's own; nothing changes for any other."""
    if not is_own(spec):
        return tuple(gr.skip() for _ in FIELDS)
    parts = own_parts(spec.name)
    listed = {key: " ".join(map(str, parts[key])) for key in ("blocks", "widths")}
    return tuple({**parts, **listed}[field] for field in FIELDS)


def is_own(spec: ResNetSpec) -> bool:
    return spec.name.startswith(OWN)


def own_like(spec: ResNetSpec) -> str:
    """The name of the own network that is most like `spec`."""
    if is_own(spec):
        return spec.name
    stem = "imagenet" if spec.stem.pool else "cifar"
    if spec.stage_entry != "stride":  # resnet9's way into a stage has no name here
        return own_name("basic", (1,) * len(spec.widths), spec.widths, stem, "projection")
    return own_name(spec.block, spec.blocks_per_stage, spec.widths, stem, spec.shortcut)


def take(hand: str, *values: Any) -> tuple[Any, str]:
    """-> (the hand with that network in it, nothing), or (the hand as it is, the sentence that says why not)"""
    held = Hand.of(hand)
    try:
        name = name_of(*values)
        if name == held.model:
            return gr.skip(), ""
        return held.with_(model=name, checkpoint="").to_json(), ""
    except LabError as error:
        return gr.skip(), alert(sentence(error))


def name_of(block: str, blocks: str, widths: str, stem: str, shortcut: str, classes: float | None) -> str:
    """Raises: InvalidSpec, or LabError for text that holds no numbers."""
    counts, sizes = _numbers(blocks, say("model.own_blocks")), _numbers(widths, say("model.own_widths"))
    if classes is not None and (isinstance(classes, str) or classes != int(classes)):
        raise LabError(what=say("layers.not_a_number", what=say("model.own_classes")))
    many = CLASSES.get(str(stem)) if classes is None else int(classes)
    return find_model(own_name(str(block), counts, sizes, str(stem), str(shortcut), max(0, many or 0))).name


def _numbers(text: str, what: str) -> tuple[int, ...]:
    """The whole numbers of “3 3 3”, “3, 3, 3” or “3.3.3”."""
    words = re.split(r"[\s,.;/，、；]+", str(text or "").strip())
    if not all(re.fullmatch(r"[0-9]{1,6}", word) for word in words):
        raise LabError(what=say("model.own_not_numbers", what=what))
    return tuple(map(int, words))
