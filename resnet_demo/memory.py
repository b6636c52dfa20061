"""How much memory a network takes: its weights, a forward pass, a training step. Estimates from the layer table.

All in float32, as torch holds it: gradients as large as the weights, one momentum for each weight, and for backward
what each layer saves. In bf16 the activations take about half. A test holds them to what a process takes whose malloc
gives memory back at once; glibc's own settings were seen to take up to 41 % more. Where a batch is computed in parts,
each part has gradients of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .layers import LayerTable
from .sight import FLOAT32_BYTES


@dataclass(frozen=True)
class Memory:
    """Bytes for `batch_size` pictures.

    `forward` is the most that a pass without gradients takes, weights included. `training` is the most that a step of
    SGD with momentum takes: it is less than weights, gradients, momentum and `saved` together, since gradients come as
    activations go.
    """

    batch_size: int
    weights: int
    saved: int
    forward: int
    training: int

    @property
    def gradients(self) -> int:
        return self.weights

    @property
    def momentum(self) -> int:
        return self.weights


def memory(table: LayerTable, batch_size: int) -> Memory:
    """What the network of `table` takes for batches of that size."""
    weights, saved = table.params_bytes, sum(row.saved_bytes for row in table.rows) * batch_size
    forward = weights + table.working_bytes * batch_size
    return Memory(batch_size, weights, saved, forward, 2 * weights + _most_in_backward(table, batch_size))


def _most_in_backward(table: LayerTable, batch_size: int) -> int:
    """Pictures, activations and gradients where they are most together, from the last row back to the first."""
    saved = (math.prod(table.input) * FLOAT32_BYTES + sum(row.saved_bytes for row in table.rows)) * batch_size
    gradients = most = 0
    for row in reversed(table.rows):
        passing = (math.prod(row.input_shape) + math.prod(row.output_shape)) * FLOAT32_BYTES * batch_size
        gradients += row.params * FLOAT32_BYTES
        most = max(most, saved + gradients + passing)
        saved -= row.saved_bytes * batch_size
    return most
