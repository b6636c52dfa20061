"""The rows of a network as a tree that folds: stem, stages, blocks, and in a block its branch, shortcut and addition.

Every row of the table stands in the tree exactly once, in the order data meets it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from .layers import LayerRow, LayerTable
from .specs import ResNetSpec

_IN_BLOCK = re.compile(r"(layer\d+)\.(\d+)\.(.+)")


@dataclass(frozen=True)
class Node:
    """A part of the network.

    `kind` is network, stem, stage, entry (resnet9's convolution and pool), block, branch, shortcut, head, layer, or
    fold: neighbouring equal blocks. `path` is the module's name, unique among siblings. `shortcut` is the kind of a
    shortcut: identity, zero_pad or projection. `first` is the number of its first layer in the table, from 0.
    """

    kind: str
    path: str
    children: tuple[Node, ...] = ()
    row: LayerRow | None = None
    shortcut: str = ""
    first: int = 0
    output_shape: tuple[int, ...] = ()

    @property
    def rows(self) -> Iterator[LayerRow]:
        """All rows below, in order."""
        if self.row is not None:
            yield self.row
        for child in self.children:
            yield from child.rows

    @property
    def params(self) -> int:
        return sum(row.params for row in self.rows)

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)

    @property
    def count(self) -> int:
        """How many equal blocks a fold stands for; 1 for anything else."""
        return len(self.children) if self.kind == "fold" else 1


def layer_tree(spec: ResNetSpec, table: LayerTable) -> Node:
    """The tree of `table`, which must be `spec`'s. Neighbouring blocks are folded if equal in all but their names."""
    leaves = [
        Node("layer", row.name, row=row, first=i, output_shape=row.output_shape) for i, row in enumerate(table.rows)
    ]
    sections = [list(group) for _, group in groupby(leaves, key=_section)]
    children = tuple(_section_node(spec, section) for section in sections)
    return Node("network", spec.name, children, output_shape=table.rows[-1].output_shape)


def _section(leaf: Node) -> str:
    if match := _IN_BLOCK.fullmatch(leaf.path):
        return match[1]
    return "stem" if leaf.path in ("conv1", "bn1", "relu", "maxpool") else "head"


def _section_node(spec: ResNetSpec, leaves: list[Node]) -> Node:
    section = _section(leaves[0])
    if section in ("stem", "head"):
        return _group(section, section, leaves)
    blocks = [
        _block_node(spec, f"{section}.{number}", list(group)) for number, group in groupby(leaves, key=_block_number)
    ]
    return _group("stage", section, _folded(blocks))


def _block_number(leaf: Node) -> str:
    return leaf.path.split(".")[1]


def _group(kind: str, path: str, children: Sequence[Node], shortcut: str = "") -> Node:
    last = children[-1]
    return Node(kind, path, tuple(children), shortcut=shortcut, first=children[0].first, output_shape=last.output_shape)


def _block_node(spec: ResNetSpec, path: str, leaves: list[Node]) -> Node:
    """Branch, shortcut, addition and the last ReLU of one block; a plain net's block has only its branch."""
    where = {leaf.row.type: i for i, leaf in enumerate(leaves) if leaf.row}
    if any(leaf.path == f"{path}.conv" for leaf in leaves):
        return _group("entry", path, leaves)
    if "Add" not in where:
        return _group("block", path, [_group("branch", f"{path}.branch", leaves[:-1]), leaves[-1]])
    add = where["Add"]
    beside = [leaf for leaf in leaves[:add] if leaf.path.startswith(f"{path}.downsample")]
    branch = _group("branch", f"{path}.branch", [leaf for leaf in leaves[:add] if leaf not in beside])
    return _group("block", path, [branch, _shortcut_node(spec, path, beside, leaves[add]), *leaves[add:]])


def _shortcut_node(spec: ResNetSpec, path: str, beside: list[Node], add: Node) -> Node:
    if beside:
        kind = "zero_pad" if spec.shortcut == "zero_pad" else "projection"
        return _group("shortcut", f"{path}.shortcut", beside, shortcut=kind)
    return Node("shortcut", f"{path}.shortcut", shortcut="identity", first=add.first, output_shape=add.output_shape)


def _folded(blocks: list[Node]) -> list[Node]:
    """Runs of two or more equal blocks become one fold."""
    runs = [list(group) for _, group in groupby(blocks, key=_likeness)]
    return [
        run[0] if len(run) == 1 else _group("fold", f"{run[0].path}-{run[-1].path.rsplit('.', 1)[1]}", run)
        for run in runs
    ]


def _likeness(block: Node) -> tuple[object, ...]:
    shortcut = tuple(child.shortcut for child in block.children)
    return (
        block.kind,
        shortcut,
        *((row.type, row.input_shape, row.output_shape, row.params, row.macs) for row in block.rows),
    )
