"""Several processes that train one network, started by torchrun: who they are, what they agree on, what they share.

    torchrun --nproc-per-node 2 -m resnet_demo train ...

Each process takes its part of every batch; gradients are averaged (DistributedDataParallel, over NCCL or Gloo). Batch
norm normalises over a process's own part. Rank 0 watches the clock, validates, saves and tells; the others follow.
Where one of them fails, all end, and only that one says why.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class World:
    """This process's place among `size` processes.

    `control` carries decisions on the CPU, so that no GPU is waited for; `store` is where a failure is told.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    control: Any = None
    store: Any = None

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

    def report(self, sentence: str, code: int) -> bool:
        """Tells the others why this process ends; whether it is the first of them to fail."""
        if self.store is None:
            return True
        mine = json.dumps([self.rank, sentence, code])
        return self.store.compare_set("failed", "", mine).decode() == mine

    def reported(self) -> tuple[int, str, int] | None:
        """The first failure, if there was one: whose (a rank), its sentence, and the exit code for all."""
        if self.store is None or not self.store.check(["failed"]):
            return None
        rank, sentence, code = json.loads(self.store.get("failed"))
        return rank, sentence, code

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
    store, rank, size = next(distributed.rendezvous("env://"))
    distributed.init_process_group("nccl" if on_gpu else "gloo", store=store, rank=rank, world_size=size)
    local_size = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    control = distributed.new_group(backend="gloo")
    return World(rank, size, local_rank, local_size, control, distributed.PrefixStore("lab", store))
