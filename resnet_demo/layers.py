"""A picture's way through a network: one row for every call of a layer, in the order data meets them.

The network is built and run on torch's meta device, so no weights and no activations are allocated, whatever its size.
MACs count convolutions and linear layers only (1 MAC = 2 FLOPs).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from .fitting import check_input, misfit, on_meta
from .sight import FLOAT32_BYTES, Ledger, Shape, Sight, pair
from .specs import ResNetSpec

Watcher = Callable[[str, nn.Module, tuple[Tensor, ...], Tensor], None]


@dataclass(frozen=True)
class LayerRow:
    """One call of one layer. Shapes are without the batch dimension.

    `name` is the module's path, `type` torch's class name (`Add` for an addition). `param_terms` are products whose
    sum is `params`; `mac_terms` is the product that gives `macs` (empty where none are counted). `receptive_field` is
    (height, width) in pixels of the input, as far as the layer's windows reach, padding included. `saved_bytes` is what
    a training step keeps of this row for one picture, in float32, until its backward pass.
    """

    name: str
    type: str
    output_shape: Shape
    params: int
    macs: int
    input_shape: Shape
    param_terms: tuple[Shape, ...]
    mac_terms: Shape
    receptive_field: tuple[int, int]
    kernel: tuple[int, int] | None = None
    stride: tuple[int, int] | None = None
    saved_bytes: int = 0

    @property
    def params_in_words(self) -> str:
        """The arithmetic behind `params`, such as "3 × 3 × 64 × 128 = 73,728"; "0" where there are none."""
        return _in_words(" + ".join(" × ".join(f"{n:,}" for n in term) for term in self.param_terms), self.params)

    @property
    def macs_in_words(self) -> str:
        """The arithmetic behind `macs`: output pixels, then the window, then channels in and out."""
        return _in_words(" × ".join(f"{n:,}" for n in self.mac_terms), self.macs)

    @property
    def activation_bytes(self) -> int:
        """Memory of the output of one picture in float32."""
        return math.prod(self.output_shape) * FLOAT32_BYTES


def _in_words(terms: str, total: int) -> str:
    return f"{terms} = {total:,}" if terms and terms != f"{total:,}" else f"{total:,}"


@dataclass(frozen=True)
class LayerTable:
    """All rows of one network for one input (C, H, W). A forward pass holds at most `working_bytes` for one picture."""

    model: str
    input: Shape
    rows: tuple[LayerRow, ...]
    total_params: int
    total_macs: int
    working_bytes: int = 0

    @property
    def params_bytes(self) -> int:
        """Memory of the parameters in float32 (running statistics of batch norm are not counted)."""
        return self.total_params * FLOAT32_BYTES

    def as_dict(self) -> dict[str, Any]:
        """The value of the command `layers --json`."""
        rows = [
            {"name": r.name, "type": r.type, "output_shape": list(r.output_shape), "params": r.params, "macs": r.macs}
            for r in self.rows
        ]
        return {
            "model": self.model, "input": list(self.input), "rows": rows,
            "total_params": self.total_params, "total_macs": self.total_macs,
        }  # fmt: skip


def layer_table(spec: ResNetSpec, input: Shape | None = None) -> LayerTable:
    """The rows of `spec` for an input (C, H, W); its natural input by default. Remembered for each pair.

    Another number of channels than the spec's gives the network that `spec.adapted` describes.

    Raises: InputDoesNotFit, which gives the smallest size that works.
    """
    shape = spec.input if input is None else tuple(input)
    check_input(spec, shape)
    with _one_at_a_time:  # a page asks from several threads at once for the same table
        return _layer_table(spec.adapted(in_channels=shape[0]), shape)


_one_at_a_time = threading.Lock()


@lru_cache(maxsize=256)
def _layer_table(spec: ResNetSpec, shape: Shape) -> LayerTable:
    model = on_meta(spec)
    try:
        rows, working = trace(model, torch.empty(1, *shape, device="meta"))
    except RuntimeError as error:
        raise misfit(spec, shape) or error from None
    return LayerTable(spec.name, shape, rows, sum(r.params for r in rows), sum(r.macs for r in rows), working)


@lru_cache(maxsize=256)
def parameter_count(spec: ResNetSpec) -> int:
    """All parameters of `spec`, without a pass."""
    return sum(p.numel() for p in on_meta(spec).parameters())


@contextmanager
def watching(model: nn.Module, see: Watcher) -> Iterator[None]:
    """While the context lasts, calls `see(name, module, inputs, output)` after every call of a leaf module.

    An Identity, which stands where a network without batch norm has none, is no layer.
    """

    def hook(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: see(name, module, inputs, output)

    leaves = [
        (name, module)
        for name, module in model.named_modules()
        if not any(True for _ in module.children()) and not isinstance(module, nn.Identity)
    ]
    handles = [module.register_forward_hook(hook(name)) for name, module in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def trace(model: nn.Module, x: Tensor) -> tuple[tuple[LayerRow, ...], int]:
    """A row for every call of a leaf module while `model` looks at `x` (B, C, H, W), in the order of the calls.

    -> (rows, the most bytes that a forward pass holds for one picture)
    """
    rows: list[LayerRow] = []
    counted: set[nn.Module] = set()
    sight, ledger = Sight(x), Ledger(x)

    def see(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        terms = () if module in counted else _param_terms(module)
        counted.add(module)
        mac = _mac_terms(module, output)
        ledger.note(name, module, inputs, output)
        rows.append(
            LayerRow(
                name=name, type=type(module).__name__, output_shape=tuple(output.shape[1:]),
                params=sum(map(math.prod, terms)), macs=math.prod(mac) if mac else 0,
                input_shape=tuple(inputs[0].shape[1:]), param_terms=terms, mac_terms=mac,
                receptive_field=sight.after(module, inputs, output),
                kernel=pair(getattr(module, "kernel_size", None)), stride=pair(getattr(module, "stride", None)),
            )
        )  # fmt: skip

    with torch.inference_mode(), watching(model, see):
        model(x)
    marked = tuple(replace(row, saved_bytes=saved) for row, saved in zip(rows, ledger.saved()))
    return marked, ledger.most_at_once()


def _param_terms(module: nn.Module) -> tuple[Shape, ...]:
    if isinstance(module, nn.Conv2d):
        out_channels, in_channels, height, width = module.weight.shape
        weight: tuple[Shape, ...] = ((height, width, in_channels, out_channels),)
    elif isinstance(module, nn.Linear):
        weight = ((module.in_features, module.out_features),)
    elif isinstance(module, nn.BatchNorm2d):
        return ((2, module.num_features),)
    else:
        return tuple((p.numel(),) for p in module.parameters(recurse=False))
    return weight if module.bias is None else (*weight, (module.bias.numel(),))


def _mac_terms(module: nn.Module, output: Tensor) -> Shape:
    if isinstance(module, nn.Conv2d):
        out_channels, in_channels, height, width = module.weight.shape
        return (*output.shape[2:], height, width, in_channels, out_channels)
    return (module.in_features, module.out_features) if isinstance(module, nn.Linear) else ()
