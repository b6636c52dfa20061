"""How large the loss's gradient is at each convolution, from the first to the last: what depth does to it.

Source of the experiment: Yang et al. 2019, arXiv:1902.08129 (with batch norm the gradient of a plain net grows with
depth); He et al. 2015, section 4.1 (with batch norm degradation is unlikely to be vanishing gradients).
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .datasets import load_data
from .device import threads
from .preprocess import Preprocess, fit_preprocess
from .recipes import find_recipe
from .resnet import ResNet, build
from .specs import ResNetSpec

PICTURES = 16
SHIPPED = "fashion-mnist-small"


@dataclass(frozen=True)
class Gradients:
    """The norm of the gradient at the weights of each convolution on the longest path, in the order data meets them."""

    names: tuple[str, ...]
    norms: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The first convolution's over the last one's: 1 where the gradient comes back as large as it set out."""
        return self.norms[0] / self.norms[-1] if self.norms[-1] else math.inf


def gradients(model: ResNet, x: Tensor, labels: Tensor) -> Gradients:
    """One backward pass of cross-entropy over `x` (B, C, H, W) in training mode; it leaves its gradients in `model`."""
    model.train().zero_grad(set_to_none=True)
    with torch.enable_grad():
        F.cross_entropy(model(x), labels).backward()
    found = {name: module.weight.grad for name, module in convolutions(model)}
    return Gradients(tuple(found), tuple(float(grad.norm()) for grad in found.values() if grad is not None))


def convolutions(model: ResNet) -> list[tuple[str, nn.Conv2d]]:
    """Those of stem and branches by name; the 1x1 ones of shortcuts lie beside the path."""
    return [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Conv2d) and "downsample" not in name
    ]


@lru_cache(maxsize=256)
def at_start(spec: ResNetSpec, seed: int = 0, pictures: int = PICTURES) -> Gradients:
    """The gradients of fresh weights for so many of the shipped pictures; `spec` has 1 channel and 10 classes.

    With more pictures a deep net's first gradient comes out smaller beside its last: noise of the batch adds to both.
    """
    images, labels, preprocess = _shipped(seed, pictures)
    model = build(spec, seed=seed)
    draw_biases(model, seed)
    with threads(1):
        return gradients(model, preprocess(images), labels)


@lru_cache(maxsize=8)
def _shipped(seed: int, pictures: int) -> tuple[Tensor, Tensor, Preprocess]:
    whole = load_data(SHIPPED).train
    chosen = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))[:pictures]
    return whole.images[chosen], whole.labels[chosen], fit_preprocess(find_recipe("budget"), whole.images)


def draw_biases(model: ResNet, seed: int = 0) -> None:
    """Gives the convolutions of a network without batch norm the random biases of torch's own layers, in place.

    They are what the gradient vanishes by: with the zeros that `initialise` gives them it hardly does.
    """
    if model.spec.norm:
        return
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, module in convolutions(model):
            bound = module.weight[0].numel() ** -0.5
            if module.bias is not None:
                module.bias.uniform_(-bound, bound, generator=generator)


def on_pictures(model: ResNet, preprocess: Preprocess, images: Tensor, labels: Tensor) -> Gradients:
    """The gradients on uint8 pictures (B, C, h, w), as training sees them, of a copy: `model` stays as it is."""
    return gradients(deepcopy(model), preprocess(images), labels)
