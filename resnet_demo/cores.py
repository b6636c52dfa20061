"""Each core with its own part of every batch: how a network trains fastest on a processor.

Usually all cores share every kernel, and at each of a step's several hundred they wait for the slowest. Here each has a
thread and its part of the batch; parameters are shared, and the cores meet once a step, where their gradients are added
and batch norm's running statistics averaged. Batch norm normalises over a part, as it does on several GPUs (He et al.
2015 trained on two, section 4.2).
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.amp import GradScaler

from . import onednn
from .device import Compute, threads

SMALLEST_PART = 16  # pictures; over fewer, batch norm's means say little
MOST_PARTS = 4

Learn = Callable[[nn.Module, Tensor, Tensor], tuple[Tensor, Tensor]]


def parts_for(batch_size: int, threads: int) -> int:
    """Into how many parts of equal size batches are best split for so many threads."""
    most = max(1, min(MOST_PARTS, batch_size // SMALLEST_PART))
    return max(parts for parts in range(1, most + 1) if threads % parts == 0)


class Cores:
    """Computes a batch's gradients in the way that `compute` says: as a whole, or in parts side by side."""

    def __init__(self, network: nn.Module, compute: Compute) -> None:
        self.network = network
        self.twins: list[Twin] = []
        if compute.parts > 1 or compute.is_blocked:
            self.twins = [Twin.of(network, compute) for _ in range(compute.parts)]
            each = max(1, compute.threads // compute.parts)
            self.pool = ThreadPoolExecutor(compute.parts, initializer=lambda: torch.set_num_threads(each))
            self.parameters, self.buffers = list(network.parameters()), list(network.buffers())

    def between(self) -> contextlib.AbstractContextManager[None]:
        """For what is done around the parts: on one thread, since others of its team would spin beside them."""
        return threads(1) if self.twins else contextlib.nullcontext()

    def backward(self, learn: Learn, images: Tensor, labels: Tensor, scaler: GradScaler | None = None) -> Tensor:
        """Sets the network's gradients to those of `learn`'s mean loss; returns what else it measured.

        `learn(network, images, labels)` gives the mean loss of its pictures, and means of whatever is to be known.
        """
        if not self.twins:
            loss, measured = learn(self.network, images, labels)
            (loss if scaler is None else scaler.scale(loss)).backward()
            return measured
        twins = self.twins[: max(1, len(images) // 2)]  # batch norm cannot learn from one picture

        def work(twin: Twin, images_: Tensor, labels_: Tensor) -> Tensor:
            loss, measured = learn(twin.network, images_, labels_)
            share = len(images_) / len(images)
            (loss * share).backward()
            return measured * share

        for twin in twins:
            torch._foreach_copy_(twin.buffers, self.buffers)
        parts = images.tensor_split(len(twins)), labels.tensor_split(len(twins))
        shares = list(self.pool.map(work, twins, *parts))
        for parameter, gradient in zip(self.parameters, _sums([twin.take_gradients() for twin in twins])):
            parameter.grad = gradient
        torch._foreach_copy_(self.buffers, _means([twin.buffers for twin in twins]))
        return torch.stack(shares).sum(0)


@dataclass(frozen=True)
class Twin:
    """A copy of the network for one part, with gradients and statistics of its own; parameters are the network's."""

    network: nn.Module
    parameters: list[nn.Parameter]
    buffers: list[Tensor]

    @classmethod
    def of(cls, network: nn.Module, compute: Compute) -> Twin:
        twin = copy.deepcopy(network)
        for mine, its in zip(twin.parameters(), network.parameters()):
            mine.data = its.data
        twin = onednn.settle(twin) if compute.is_blocked else twin
        return cls(twin, list(twin.parameters()), list(twin.buffers()))

    def take_gradients(self) -> list[Tensor]:
        """Those of the last batch, of which the copy keeps none."""
        gradients = [cast(Tensor, parameter.grad) for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.grad = None
        return gradients


def _sums(lists: list[list[Tensor]]) -> list[Tensor]:
    """The first list, to whose tensors those of the others are added."""
    first, *others = lists
    for other in others:
        torch._foreach_add_(first, other)
    return first


def _means(lists: list[list[Tensor]]) -> list[Tensor]:
    """The first list with the means of all; whole numbers, the same in each, stay what they are."""
    numbers = _sums([[each for each in tensors if each.is_floating_point()] for tensors in lists])
    torch._foreach_div_(numbers, len(lists))
    return lists[0]
