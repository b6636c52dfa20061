"""Which device, precision, memory format and how many threads a run uses, chosen in one place, and why.

CUDA takes bf16, or fp16 with a gradient scaler where the card has no bf16; MPS float32; the CPU bf16 only where it
is the faster one for this network: measured when the clock ends the run, a preset when steps or epochs do, since then
nothing may depend on a measurement.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .preprocess import input_size
from .resnet import build
from .specs import ResNetSpec

PRECISIONS = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
TRIAL_BATCH = 32


@dataclass(frozen=True)
class Compute:
    """Where and how a run computes. `reason` is the sentence that says why."""

    device: str = "cpu"
    precision: str = "float32"
    threads: int = 1
    channels_last: bool = True
    reason: str = ""

    def autocast(self) -> contextlib.AbstractContextManager:
        if self.precision == "float32":
            return contextlib.nullcontext()
        return torch.autocast(torch.device(self.device).type, PRECISIONS[self.precision])

    def place(self, model: nn.Module) -> nn.Module:
        """Moves the model to the device, in the memory format that convolutions like there."""
        model.to(self.device)
        return model.to(memory_format=torch.channels_last) if self.channels_last else model

    def arrange(self, x: torch.Tensor) -> torch.Tensor:
        return x.contiguous(memory_format=torch.channels_last) if self.channels_last else x

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def best_device() -> str:
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
    return f"CPU, {cores} core{'s' if cores > 1 else ''}{', bf16' if cpu_bf16() else ''}"


def choose_compute(spec: ResNetSpec, batch_size: int, *, resize: int | None = None, measure: bool = False) -> Compute:
    """The device and precision for training `spec`; with `measure` the CPU's precision is timed (about a second)."""
    device = best_device()
    if device == "cuda":
        precision = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
        return Compute(device, precision, cpu_count(), True, f"{device_label()}: {precision}")
    if device == "mps":
        return Compute(device, "float32", cpu_count(), False, f"{device_label()}: float32")
    precision, reason = _cpu_precision(spec, min(batch_size, TRIAL_BATCH), resize, measure)
    return Compute("cpu", precision, cpu_count(), True, f"{device_label()}: {reason}")


def _cpu_precision(spec: ResNetSpec, batch_size: int, resize: int | None, measure: bool) -> tuple[str, str]:
    if not cpu_bf16():
        return "float32", "float32, since this processor has no fast bf16"
    if not measure:
        return _preset_precision(spec, resize)
    times = {name: step_seconds(spec, batch_size, resize, name) for name in ("float32", "bf16")}
    best = min(times, key=times.__getitem__)
    other = max(times, key=times.__getitem__)
    return best, f"{best}, measured {times[other] / times[best]:.1f} times as fast as {other}"


def _preset_precision(spec: ResNetSpec, resize: int | None) -> tuple[str, str]:
    """What usually wins: bf16, but with tiles for small pictures behind a large stem, where they are too coarse."""
    is_coarse = spec.stem.pool is not None and input_size(spec.input, resize)[-1] < 64
    if cpu_bf16() and not is_coarse:
        return "bf16", "bf16, the preset for this processor"
    return "float32", "float32, the preset for this processor and network"


@lru_cache(maxsize=64)
def step_seconds(spec: ResNetSpec, batch_size: int, resize: int | None = None, precision: str = "float32") -> float:
    """Seconds of one training step (forward, backward) on the CPU: the quicker of two, after one to warm up."""
    compute = Compute("cpu", precision)
    model = compute.place(build(spec, seed=0))
    x = compute.arrange(torch.rand(batch_size, *input_size(spec.input, resize)))
    labels = torch.zeros(batch_size, dtype=torch.long)

    def once() -> float:
        start = time.perf_counter()
        with compute.autocast():
            loss = F.cross_entropy(model(x), labels)
        loss.backward()
        return time.perf_counter() - start

    once()
    return min(once(), once())
