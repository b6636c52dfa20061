"""What every measurement shares: turns taken one after the other, this machine's ceiling, and how results are told."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from resnet_demo.imagesets import Dataset, ImageSet

SIDE = 2048
# What the reference machine gave, 2 FLOPs a multiply-add; figures in seconds count from 80 % of it.
REFERENCE = {"float32": 200.0, "bf16": 1040.0}


def noise(pictures: int, shape: tuple[int, int, int] = (3, 32, 32)) -> Dataset:
    """Pictures of ten classes that show nothing: for speed it does not matter what they show."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (pictures, *shape), generator=generator, dtype=torch.uint8)
    labels = torch.arange(pictures) % 10
    classes = tuple(map(str, range(10)))
    return Dataset("noise", "Noise", ImageSet(images, labels, classes), ImageSet(images[:100], labels[:100], classes))


def report(title: str, rows: dict[str, Any], result: dict[str, Any]) -> None:
    """A table for people, then one line of JSON for scripts."""
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:44} {value}")
    print(json.dumps(result), flush=True)


def in_turns(*works: Callable[[], float], turns: int = 5) -> list[list[float]]:
    """What each work gives, by turns, so that a machine that becomes slower meanwhile counts for none of them."""
    for work in works:
        work()
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(turns):
        for results, work in zip(taken, works):
            results.append(work())
    return taken


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of each turn's quotient."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs))


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def ceiling(precision: str = "float32", times: int = 5) -> float:
    """GFLOP/s of a product of two square matrices of 2048, the best of a few."""
    kind = {"float32": torch.float32, "bf16": torch.bfloat16}[precision]
    a, b = (torch.randn(SIDE, SIDE, dtype=kind) for _ in range(2))
    a @ b
    return 2 * SIDE**3 / min(seconds(lambda: a @ b) for _ in range(times)) / 1e9


def machine() -> dict[str, Any]:
    """The machine in a few words and its ceilings now, for the foot of every table."""
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    ceilings = {f"gflops_{name}": round(ceiling(name)) for name in REFERENCE}
    return {"torch": torch.__version__, "python": platform.python_version(), "threads": torch.get_num_threads(),
            "load": load, **ceilings}  # fmt: skip


def machine_row(told: dict[str, Any]) -> str:
    shares = ", ".join(f"{name} {told[f'gflops_{name}']} GFLOP/s" for name in REFERENCE)
    return f"torch {told['torch']}, {told['threads']} threads, load {told['load']}; ceiling {shares}"
