"""oneDNN's own tensors for training on x86 processors.

torch's convolutions are oneDNN's; its batch norm, ReLU and addition are not, and are slower in bf16, above all over 16
channels. Where a tensor stays in the layout that oneDNN keeps for itself, all four are oneDNN's.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .resnet import Add, Block, ZeroPad

# What takes either kind of tensor: no way out and back.
AT_HOME = (nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.Identity, Add)


def is_available() -> bool:
    return torch.backends.mkldnn.is_available() and platform.machine().lower() in ("x86_64", "amd64")


def settle(network: nn.Module) -> nn.Module:
    """Makes `network` compute in oneDNN's layout from its first convolution on, in place.

    Convolutions and additions take a tensor over; what has no such kernel, as the head, gets ordinary ones.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.forward = partial(_convolve, module)  # type: ignore[method-assign]
        elif isinstance(module, ZeroPad):
            module.forward = partial(_widen, module, module.forward)  # type: ignore[method-assign]
        elif isinstance(module, Block) and module.add is not None:
            module.add.forward = _add if module.relu_before_add else _add_to  # type: ignore[method-assign]
        elif not isinstance(module, AT_HOME) and not any(module.children()):
            module.register_forward_pre_hook(_give_back)
    return network


def _convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    x = _blocked(x)
    bias = None if conv.bias is None else conv.bias.to(x.dtype)
    padding = tuple(map(int, conv.padding))
    return torch.mkldnn_convolution(x, conv.weight.to(x.dtype), bias, padding, conv.stride, conv.dilation, conv.groups)


def _widen(pad: ZeroPad, ordinary: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The same as a convolution by ones and zeros, exact in any precision, which needs no way out of the layout."""
    x, channels = _blocked(x), x.shape[1]
    if channels % 16:  # not a whole block of the layout; over 8 channels torch 2.15's gradient destroys memory
        return ordinary(x.to_dense())
    keep = torch.eye(channels + pad.new_channels, channels, dtype=x.dtype)[..., None, None]
    return torch.mkldnn_convolution(x, keep, None, (0, 0), (pad.stride, pad.stride), (1, 1), 1)


def _blocked(x: Tensor) -> Tensor:
    if x.is_mkldnn:
        return x
    if torch.is_autocast_enabled("cpu"):
        x = x.to(torch.get_autocast_dtype("cpu"))
    return x.contiguous(memory_format=torch.channels_last).to_mkldnn()


def _add(branch: Tensor, shortcut: Tensor) -> Tensor:
    return _blocked(branch) + _blocked(shortcut)


def _add_to(branch: Tensor, shortcut: Tensor) -> Tensor:
    """In place: the branch ends in a convolution or batch norm, whose gradients do not need their output."""
    return _blocked(branch).add_(_blocked(shortcut))


def _give_back(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x.to_dense() if x.is_mkldnn else x for x in inputs)
