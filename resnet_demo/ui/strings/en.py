"""The page in English. Each tab has its own table; keys are `tab.what`."""

from __future__ import annotations

FRAME = {
    "frame.title": "ResNet Lab",
    "frame.tagline": "Pick a residual network, look inside it, train it for a minute and see where it is wrong.",
    "frame.device": "Device",
    "frame.device_wait": "looking at the device",
    "frame.hand": "In hand",
    "frame.no_checkpoint": "not trained yet",
    "frame.model": "model",
    "frame.data": "data",
    "frame.checkpoint": "checkpoint",
    "frame.copy": "Copy link",
    "frame.copied": "Link copied",
    "frame.foot": "ResNet Lab {version}",
    "frame.tab_model": "Model",
    "frame.tab_train": "Train",
    "frame.tab_layers": "Layers",
    "frame.tab_classify": "Classify",
}

MODEL: dict[str, str] = {}

TRAIN: dict[str, str] = {}

LAYERS: dict[str, str] = {}

CLASSIFY: dict[str, str] = {}

LESSONS: dict[str, str] = {}

ERRORS = {
    "error.title": "That did not work",
    "error.unexpected": "Something went wrong that the lab did not foresee. The log has the details under {id}.",
}

ALL = {**FRAME, **MODEL, **TRAIN, **LAYERS, **CLASSIFY, **LESSONS, **ERRORS}
