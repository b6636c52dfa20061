"""Which device, precision, memory format and how many threads a run uses, chosen in one place, and why.

CUDA takes bf16, or fp16 with a gradient scaler where the card has no bf16; MPS float32; the CPU bf16 where it usually
wins. Where the clock ends the run, `timing` measures instead; where steps or epochs do, nothing may depend on that.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from .preprocess import input_size
from .specs import ResNetSpec

PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
Network = TypeVar("Network", bound=nn.Module)
LENT = "RESNET_DEMO_GPU_LENT"  # set in the process that ZeroGPU lends its GPU to: elsewhere it only looks as if there


@dataclass(frozen=True)
class Compute:
    """Where and how a run computes. `reason` says why; `images_per_second` is what a trial gave, if there was one.

    A batch is computed in `parts` side by side, each on its share of the threads (`cores`); `is_blocked` keeps tensors
    in oneDNN's own layout (`onednn`).
    """

    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1
    channels_last: bool = True
    reason: str = ""
    images_per_second: float | None = None
    parts: int = 1
    is_blocked: bool = False

    def autocast(self) -> contextlib.AbstractContextManager[Any]:
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.device).type, PRECISIONS[self.precision])

    def place(self, model: Network) -> Network:
        """Moves the model to the device, in the memory format that convolutions like there."""
        model.to(self.device)
        return model.to(memory_format=torch.channels_last) if self.channels_last else model

    def arrange(self, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def best_device() -> str:
    """“cuda”, “mps” or “cpu”; on ZeroGPU “cuda” only in the process that it lends its GPU to."""
    if os.environ.get("SPACES_ZERO_GPU") and not os.environ.get(LENT):
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def cards() -> tuple[str, ...]:
    """For each of several cards, what CUDA_VISIBLE_DEVICES is for a process that has it to itself; else ("",)."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count < 2:
        return ("",)
    visible = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return tuple(visible[:count]) or tuple(str(index) for index in range(count))


def gpu_memory(device: str) -> int | None:
    """Bytes that this process has taken of the GPU's memory at most; None on the CPU."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_reserved(device)
    return torch.mps.driver_allocated_memory() if device == "mps" else None


def cpu_count() -> int:
    """Processors that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def idle_cpus() -> int:
    """Processors that no other process uses at this moment, at least one; all of them where the system does not say."""
    try:
        running = int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].split("/")[0])
    except (OSError, ValueError, IndexError):
        return cpu_count()
    others = running - own_running() if running > 1 else 0
    return max(1, cpu_count() - max(0, others))


def own_running() -> int:
    """Threads of this process that run just now: who asks, and those of torch that spin until there is more to do."""
    running = 0
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            running += (task / "stat").read_text(errors="replace").rpartition(")")[2].split()[0] == "R"
    return max(1, running)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """torch computes on so many threads of the processor, and afterwards on as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@lru_cache
def cpu_bf16() -> str:
    """How this processor multiplies in bf16: “amx” (tiles), “avx512” (vectors), or “” where it would be emulated."""
    for name, probe in (("amx", "_is_amx_tile_supported"), ("avx512", "_is_avx512_bf16_supported")):
        if getattr(torch.cpu, probe, bool)():
            return name
    return ""


def device_label() -> str:
    """The device in a few words: “CPU, 2 cores, bf16” or the name of the card."""
    device = best_device()
    if device == "cuda":
        return torch.cuda.get_device_name()
    if device == "mps":
        return "Apple GPU (MPS)"
    cores = cpu_count()
    counted = f"{cores} cores" if cores > 1 else "1 core"
    return f"CPU, {counted}, bf16" if cpu_bf16() else f"CPU, {counted}"


def choose_compute(spec: ResNetSpec, *, resize: int | None = None) -> Compute:
    """The device and precision for training `spec`, by what usually wins; nothing is measured."""
    device = best_device()
    if device == "cuda":
        precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        return Compute(device, precision, cpu_count(), True, f"{device_label()}: {precision}")
    if device == "mps":
        return Compute(device, "float32", cpu_count(), False, f"{device_label()}: float32")
    precision, reason = _cpu_preset(spec, resize)
    return Compute("cpu", precision, cpu_count(), True, f"{device_label()}: {reason}")


def _cpu_preset(spec: ResNetSpec, resize: int | None) -> tuple[str, str]:
    """bf16, but not for small pictures behind a large stem: what is left of them is too coarse for tiles."""
    if not cpu_bf16():
        return "float32", "float32, since this processor has no fast bf16"
    is_coarse = spec.stem.pool is not None and input_size(spec.input, resize)[-1] < 64
    if is_coarse:
        return "float32", "float32, the preset for this processor and network"
    return "bf16", "bf16, the preset for this processor"
