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
from functools import reduce

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
        self.twins: list[nn.Module] = []
        if compute.parts > 1 or compute.is_blocked:
            self.twins = [_twin(network, compute) for _ in range(compute.parts)]
            each = max(1, compute.threads // compute.parts)
            self.pool = ThreadPoolExecutor(compute.parts, initializer=lambda: torch.set_num_threads(each))

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

        def work(twin: nn.Module, images_: Tensor, labels_: Tensor) -> Tensor:
            loss, measured = learn(twin, images_, labels_)
            share = len(images_) / len(images)
            (loss * share).backward()
            return measured * share

        for twin in twins:
            _copy_statistics(self.network, twin)
        parts = images.tensor_split(len(twins)), labels.tensor_split(len(twins))
        shares = list(self.pool.map(work, twins, *parts))
        _add_up(self.network, twins)
        _average_statistics(twins, self.network)
        return torch.stack(shares).sum(0)


def _add_up(network: nn.Module, twins: list[nn.Module]) -> None:
    """The network's gradients are the sum of the twins', which are left without."""
    for parameter, *its_twins in zip(network.parameters(), *(twin.parameters() for twin in twins)):
        gradients = [one.grad for one in its_twins if one.grad is not None]
        parameter.grad = reduce(Tensor.add_, gradients)
        for one in its_twins:
            one.grad = None


def _copy_statistics(network: nn.Module, twin: nn.Module) -> None:
    for its, mine in zip(network.buffers(), twin.buffers()):
        mine.copy_(its)


def _average_statistics(twins: list[nn.Module], network: nn.Module) -> None:
    """Batch norm's running statistics after the step: the mean of what each part made of them."""
    for its, *of_twins in zip(network.buffers(), *(twin.buffers() for twin in twins)):
        its.copy_(torch.stack(of_twins).mean(0) if its.is_floating_point() else of_twins[0])


def _twin(network: nn.Module, compute: Compute) -> nn.Module:
    """A copy with gradients and statistics of its own whose parameters are the network's."""
    twin = copy.deepcopy(network)
    for mine, its in zip(twin.parameters(), network.parameters()):
        mine.data = its.data
    return onednn.settle(twin) if compute.is_blocked else twin
