"""An image field that hands on the file itself: every picture is opened in one place, and refused in a sentence."""

from __future__ import annotations

import base64
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData


def safe_image(value: Any = None, **options: Any) -> gr.Image:
    """A `gr.Image` whose value in Python is what `open_picture` takes: a path, or the bytes of a data address.

    The stock component decodes while it preprocesses, where a bomb costs its memory and a refusal shows as a bare
    “Error”. Its method is replaced on the instance: Gradio writes a `.pyi` file beside the source of every subclass.
    """
    image = gr.Image(value, type="filepath", image_mode=None, format="png", **options)
    image.preprocess = handed_on
    return image


def handed_on(payload: ImageData | None) -> str | bytes | None:
    """The path of the file in Gradio's cache, unopened; the bytes of a data address, none if it is not base64."""
    if payload is None or not (payload.url or "").startswith("data:"):
        return payload.path if payload else None
    try:
        return base64.b64decode(payload.url.partition(",")[2], validate=True)
    except ValueError:
        return b""
