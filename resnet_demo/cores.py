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
        self.copies: list[nn.Module] = []
        if compute.parts > 1 or compute.is_blocked:
            self.copies = [_copy(network, compute, index == 0) for index in range(compute.parts)]
            self.parameters = [list(one.parameters()) for one in self.copies]
            self.statistics = [_running_statistics(one) for one in self.copies]
            each = max(1, compute.threads // compute.parts)
            self.pool = ThreadPoolExecutor(compute.parts, initializer=lambda: torch.set_num_threads(each))

    def between(self) -> contextlib.AbstractContextManager[None]:
        """For what is done around the parts: on one thread, since others of its team would spin beside them."""
        return threads(1) if self.copies else contextlib.nullcontext()

    def backward(self, learn: Learn, images: Tensor, labels: Tensor, scaler: GradScaler | None = None) -> Tensor:
        """Adds the gradients of `learn`'s mean loss to the network's; returns what else it measured.

        `learn(network, images, labels)` gives the mean loss of its pictures, and means of whatever is to be known.
        """
        if not self.copies:
            loss, measured = learn(self.network, images, labels)
            (loss if scaler is None else scaler.scale(loss)).backward()
            return measured
        parts = max(1, min(len(self.copies), len(images) // 2))  # batch norm cannot learn from one picture

        def work(part: nn.Module, images_: Tensor, labels_: Tensor) -> Tensor:
            loss, measured = learn(part, images_, labels_)
            share = len(images_) / len(images)
            (loss * share).backward()
            return measured * share

        for statistics in filter(None, self.statistics[1:parts]):
            torch._foreach_copy_(statistics, self.statistics[0])
        shares = list(self.pool.map(work, self.copies, images.tensor_split(parts), labels.tensor_split(parts)))
        self._add_up(parts)
        return torch.stack(shares).sum(0)

    def _add_up(self, parts: int) -> None:
        """Adds the other copies' gradients to the network's, and makes running statistics the mean of all.

        The first copy's tensors are the network's own.
        """
        for parameters in self.parameters[1:parts]:
            torch._foreach_add_(_gradients(self.parameters[0]), _gradients(parameters))
            for parameter in parameters:
                parameter.grad = None
        means, *others = self.statistics[:parts]
        if means:
            for statistics in others:
                torch._foreach_add_(means, statistics)
            torch._foreach_div_(means, parts)


def _gradients(parameters: list[nn.Parameter]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _running_statistics(network: nn.Module) -> list[Tensor]:
    """Batch norm's means and variances, if there is any; the number of batches it saw is the same in every copy."""
    return [buffer for buffer in network.buffers() if buffer.is_floating_point()]


def _copy(network: nn.Module, compute: Compute, is_first: bool) -> nn.Module:
    """A copy whose parameters are the network's; gradients and statistics are its own, but for the first."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())} if is_first else {}
    copied = copy.deepcopy(network, shared)
    for mine, its in zip(copied.parameters(), network.parameters()):
        mine.data = its.data
    return onednn.settle(copied) if compute.is_blocked else copied
