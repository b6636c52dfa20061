"""ResNet Lab: residual networks to pick, train, look into and classify with.

    from resnet_demo import build_model, load_model, MODELS, DATASETS, RECIPES

Names load lazily, so that importing the package costs nothing and loads no torch.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "MODELS": "specs",
    "ResNetSpec": "specs",
    "RECIPES": "recipes",
    "Recipe": "recipes",
    "DATASETS": "datasets",
    "load_dataset": "datasets",
    "build_model": "resnet",
    "load_model": "checkpoint",
    "train": "train",
    "evaluate": "evaluate",
    "classify": "predict",
    "layer_table": "layers",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted(__all__)
