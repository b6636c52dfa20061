"""ResNet Lab: residual networks to pick, train, look into and classify with.

    from resnet_demo import build_model, load_model, MODELS, DATASETS, RECIPES

Names load lazily, so that importing the package costs nothing and loads no torch. Two functions are called like their
modules and stand only there: `resnet_demo.train.train` and `resnet_demo.evaluate.evaluate`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for type checkers and editors
    from .checkpoint import load_model as load_model
    from .checkpoint import open_checkpoint as open_checkpoint
    from .datasets import DATASETS as DATASETS
    from .datasets import load_dataset as load_dataset
    from .home import runs_dir as runs_dir
    from .layers import layer_table as layer_table
    from .plots import curves as curves
    from .predict import classify as classify
    from .recipes import RECIPES as RECIPES
    from .recipes import Recipe as Recipe
    from .resnet import build_model as build_model
    from .runs.execute import execute as execute
    from .runs.store import RunStore as RunStore
    from .specs import MODELS as MODELS
    from .specs import ResNetSpec as ResNetSpec
    from .verbs import run_config as run_config

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
    "open_checkpoint": "checkpoint",
    "classify": "predict",
    "layer_table": "layers",
    "curves": "plots",
    "runs_dir": "home",
    "run_config": "verbs",
    "RunStore": "runs.store",
    "execute": "runs.execute",
}
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
