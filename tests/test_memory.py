"""The memory estimates against what autograd saves and against what a process really takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from resnet_demo.layers import layer_table
from resnet_demo.memory import memory
from resnet_demo.resnet import build
from resnet_demo.specs import MODELS, find_model

ROOT = Path(__file__).resolve().parent.parent
SMALL = (
    "resnet20", "plain20", "resnet9-slim", "resnet18-nopad", "resnet18-d2l",
    "custom:bottleneck-1.2-8.16-imagenet-projection_all", "custom:basic-2.1-8.8-cifar-zero_pad",
)  # fmt: skip


def saved_by_autograd(model: torch.nn.Module, x: torch.Tensor) -> int:
    """Bytes of all tensors kept for backward, parameters and buffers apart, each piece of memory once."""
    own = {tensor.data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    pieces: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in own:
            pieces[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        held = model(x)
    assert held.requires_grad
    return sum(pieces.values())


@pytest.mark.parametrize("name", SMALL)
def test_what_each_layer_saves_is_what_autograd_saves(name):
    spec = find_model(name)
    shape = (spec.in_channels, *((96, 96) if spec.input[1] > 32 else (32, 32)))
    table = layer_table(spec, shape)
    estimate = 2 * (sum(row.saved_bytes for row in table.rows) + 4 * shape[0] * shape[1] * shape[2])
    real = saved_by_autograd(build(spec, seed=0).train(), torch.rand(2, *shape))
    assert estimate <= real <= 1.02 * estimate, "batch norm also saves two numbers a channel"


def test_parts_add_up_and_grow_with_the_batch():
    for name in ("resnet20", "resnet152"):
        table = layer_table(MODELS[name])
        one, many = memory(table, 1), memory(table, 128)
        assert one.weights == many.weights == one.gradients == one.momentum == table.params_bytes
        assert many.saved == 128 * one.saved and one.weights < one.forward < many.forward < many.training
        total = many.weights + many.gradients + many.momentum + many.saved
        assert 0.9 * (total - many.gradients) < many.training < 1.2 * total
    assert layer_table(MODELS["resnet20"]).rows[1].saved_bytes == 0, "the ReLU writes over its batch norm's output"
    assert layer_table(MODELS["resnet20"]).rows[2].saved_bytes == 4 * 16 * 32 * 32


MEASURE = """
import json, sys, torch
from torch.nn import functional as F
from resnet_demo.resnet import build
from resnet_demo.specs import find_model
def field(name):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))
def forget_peak():
    open("/proc/self/clear_refs", "w").write("5")
torch.set_num_threads(1)
def prepared(spec, batch):
    model = build(spec, seed=0).to(memory_format=torch.channels_last)
    x = torch.rand(batch, *spec.input).contiguous(memory_format=torch.channels_last)
    return model, x, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
def step(model, x, optimizer):
    optimizer.zero_grad()
    F.cross_entropy(model(x), torch.zeros(len(x), dtype=torch.long)).backward()
    optimizer.step()
step(*prepared(find_model("resnet20"), 2))
before = field("VmRSS")
model, x, optimizer = prepared(find_model(sys.argv[1]), int(sys.argv[2]))
forget_peak()
with torch.inference_mode():
    model.eval()(x)
forward = field("VmHWM") - before
model.train()
step(model, x, optimizer)
forget_peak()
step(model, x, optimizer)
print(json.dumps([forward, field("VmHWM") - before]))
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peaks are read from Linux's /proc")
@pytest.mark.parametrize(("name", "batch"), (("resnet20", 256), ("resnet18-cifar", 32), ("resnet50", 4)))
def test_within_a_fifth_of_what_a_process_takes(name, batch):
    at_once = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}  # freed memory goes back
    environment = {**os.environ, **at_once, "PYTHONPATH": str(ROOT), "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}
    command = [sys.executable, "-c", MEASURE, name, str(batch)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=True)
    forward, training = json.loads(done.stdout.splitlines()[-1])
    estimate = memory(layer_table(MODELS[name]), batch)
    assert estimate.forward == pytest.approx(forward, rel=0.2)
    assert estimate.training == pytest.approx(training, rel=0.2)
