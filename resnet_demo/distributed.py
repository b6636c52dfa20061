"""Several processes that train one network, started by torchrun: who they are, what they agree on, what they share.

    torchrun --nproc-per-node 2 -m resnet_demo train ...

Each process takes its part of every batch; gradients are averaged (DistributedDataParallel, over NCCL or Gloo). Batch norm
normalises over a process's own part. Rank 0 watches the clock, validates, saves and tells; the others follow.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """This process's place among `size` processes. `control` carries decisions on the CPU, so that no GPU is waited for."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    control: Any = None

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def share_of(self, indices: Tensor) -> Tensor:
        """This process's part of a batch."""
        return indices if self.size == 1 else indices.tensor_split(self.size)[self.rank]

    def around(self, model: nn.Module) -> nn.Module:
        """The model, wrapped so that every backward pass averages gradients over the processes."""
        if self.size == 1:
            return model
        # Batch norm's running statistics stay each process's own; the first process's are the ones that are saved.
        return DistributedDataParallel(model, broadcast_buffers=False)

    def agree(self, *values: float) -> tuple[float, ...]:
        """What the first process says."""
        if self.size == 1:
            return values
        said = torch.tensor(values, dtype=torch.float64)
        distributed.broadcast(said, 0, group=self.control)
        return tuple(said.tolist())

    def average(self, values: Tensor) -> Tensor:
        """The mean over the processes, in place."""
        if self.size > 1:
            distributed.all_reduce(values)
            values /= self.size
        return values

    def hand_out(self, value: Any) -> Any:
        """The first process's object, in every process. Only for what these processes made themselves."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, 0, group=self.control)
        return box[0]

    def leave(self) -> None:
        if self.size > 1:
            distributed.destroy_process_group()


def is_launched() -> bool:
    """Whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def join() -> World:
    """Meets the other processes that torchrun started; alone if it started none."""
    if not is_launched():
        return World()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = torch.cuda.is_available() and torch.cuda.device_count() > local_rank
    if on_gpu:
        torch.cuda.set_device(local_rank)
    distributed.init_process_group("nccl" if on_gpu else "gloo")
    return World(distributed.get_rank(), distributed.get_world_size(), local_rank, distributed.new_group(backend="gloo"))
