"""What a pass leaves behind, told from the tensors that layers hand on: how far each sees, how long memory holds it.

Source of the receptive field's recurrence: Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional
neural networks". What backward needs is what torch's own formulas save (tools/autograd/derivatives.yaml): the inputs of
convolutions, batch norms, linear layers and pools, the outputs of ReLUs, and where each maximum was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from torch import Tensor, nn

from .resnet import ZeroPad

Shape = tuple[int, ...]
Pair = tuple[int, int]  # height and width
FLOAT32_BYTES = 4
INDEX_BYTES = 8  # a max-pool notes where each maximum was as int64
SAVES_ITS_INPUT = (nn.Conv2d, nn.BatchNorm2d, nn.Linear, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveMaxPool2d)
FINDS_MAXIMA = (nn.MaxPool2d, nn.AdaptiveMaxPool2d)


def pair(value: Any) -> Pair | None:
    """A module's own setting, one number for both axes or one for each; None stays None."""
    return None if value is None else _both(value)


def _both(value: int | tuple[int, ...]) -> Pair:
    height, width = value if isinstance(value, tuple) else (value, value)
    return height, width


class Sight:
    """How far each tensor sees: for height and width, its window on the input and the step between two neighbours."""

    def __init__(self, x: Tensor) -> None:
        self.kept = [x]  # while a tensor is kept, no other can take its id
        self.of = {id(x): ((1, 1), (1, 1))}

    def after(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Pair:
        """The receptive field of `output`."""
        windows, steps = zip(*(self.of[id(x)] for x in inputs))
        kernel, stride = _window_of(module, inputs[0])
        tall, wide = (max(w[axis] for w in windows) + (kernel[axis] - 1) * steps[0][axis] for axis in (0, 1))
        self.kept.append(output)
        self.of[id(output)] = ((tall, wide), (steps[0][0] * stride[0], steps[0][1] * stride[1]))
        return tall, wide


def _window_of(module: nn.Module, x: Tensor) -> tuple[Pair, Pair]:
    """Kernel and stride of whatever gathers several pixels into one."""
    if isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)):
        return _both(module.kernel_size), _both(module.stride)
    if isinstance(module, (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)):
        whole = _both(tuple(x.shape[2:]))
        return whole, whole
    return (1, 1), (module.stride, module.stride) if isinstance(module, ZeroPad) else (1, 1)


@dataclass
class _Held:
    """One piece of memory: `row` is the last that wrote it, rows `first` to `last` need it in a forward pass."""

    bytes: int
    row: int
    first: int
    last: int
    is_saved: bool = False


class Ledger:
    """What each row's output costs in memory, in float32 and for one picture."""

    def __init__(self, x: Tensor) -> None:
        self.kept_tensors = [x]
        self.rows = 0
        self.indices: dict[int, int] = {}
        self.pieces = [_Held(_bytes(x), -1, 0, 0)]
        self.of = {id(x): self.pieces[0]}
        self.part, self.part_input, self.branch_input = "", self.pieces[0], self.pieces[0]

    def note(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Takes down one call, in the order of the calls."""
        row, taken = self.rows, self.of[id(inputs[0])]
        self.rows += 1
        self._hold(name, module, inputs, taken, row)
        if isinstance(module, SAVES_ITS_INPUT):
            taken.is_saved = True
        if isinstance(module, FINDS_MAXIMA):
            self.indices[row] = math.prod(output.shape[1:]) * INDEX_BYTES
        if isinstance(module, (nn.Flatten, nn.ReLU)):  # a view, and in place: no memory of its own
            taken.row = row if isinstance(module, nn.ReLU) else taken.row
            taken.is_saved |= isinstance(module, nn.ReLU)
            self.of[id(output)] = taken
        else:
            self.of[id(output)] = _Held(_bytes(output), row, row, row)
            self.pieces.append(self.of[id(output)])
        self.kept_tensors.append(output)

    def _hold(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...], taken: _Held, row: int) -> None:
        """Besides what a layer takes, the callers' variables still hold the picture, a stage's and a branch's input."""
        part = name.partition(".")[0]
        if part != self.part:
            self.part, self.part_input = part, taken
        if isinstance(module, nn.Conv2d):
            self.branch_input = taken
        held = [self.pieces[0], self.part_input, *(self.of[id(x)] for x in inputs)]
        for piece in [*held, self.branch_input] if isinstance(module, nn.BatchNorm2d) else held:
            piece.last = row

    def saved(self) -> list[int]:
        """For each row the bytes that a training step keeps of it until its backward pass."""
        kept = [self.indices.get(row, 0) for row in range(self.rows)]
        for piece in self.pieces[1:]:
            kept[piece.row] += piece.bytes if piece.is_saved else 0
        return kept

    def most_at_once(self) -> int:
        """The most bytes that a forward pass without gradients holds at any moment, the picture included."""
        change = [0] * (self.rows + 1)
        for piece in self.pieces:
            change[piece.first] += piece.bytes
            change[piece.last + 1] -= piece.bytes
        return max(accumulate(change))


def _bytes(x: Tensor) -> int:
    return math.prod(x.shape[1:]) * FLOAT32_BYTES
