"""The folding tree holds every layer once, in order, and folds exactly what is equal."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from resnet_demo.layers import layer_table
from resnet_demo.specs import MODELS
from resnet_demo.tree import Node, layer_tree


def tree(name: str) -> Node:
    return layer_tree(MODELS[name], layer_table(MODELS[name]))


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def folds(name: str) -> list[str]:
    return [f"{node.path} x{node.count}" for node in walk(tree(name)) if node.kind == "fold"]


@pytest.mark.parametrize("name", MODELS)
def test_every_row_once_in_order(name):
    table = layer_table(MODELS[name])
    network = layer_tree(MODELS[name], table)
    assert tuple(network.rows) == table.rows
    assert (network.params, network.macs) == (table.total_params, table.total_macs)
    leaves = [node for node in walk(network) if node.kind == "layer"]
    assert [leaf.first for leaf in leaves] == list(range(len(table.rows)))


@pytest.mark.parametrize(
    ("name", "additions"), (("resnet18", 8), ("resnet152", 50), ("resnet20", 9), ("plain20", 0), ("resnet9", 2))
)
def test_every_addition_once_and_a_shortcut_for_each(name, additions):
    nodes = list(walk(tree(name)))
    assert sum(node.kind == "layer" and node.row.type == "Add" for node in nodes) == additions
    assert sum(node.kind == "shortcut" for node in nodes) == additions


def test_equal_blocks_fold_and_others_do_not():
    assert folds("resnet18") == ["layer1.0-1 x2"]
    assert folds("resnet152") == ["layer1.1-2 x2", "layer2.1-7 x7", "layer3.1-35 x35", "layer4.1-2 x2"]
    assert folds("resnet20") == ["layer1.0-2 x3", "layer2.1-2 x2", "layer3.1-2 x2"]
    assert folds("resnet9") == []


def test_a_block_is_branch_shortcut_addition_and_relu():
    nodes = {node.path: node for node in walk(tree("resnet18"))}
    block = nodes["layer2.0"]
    assert [child.kind for child in block.children] == ["branch", "shortcut", "layer", "layer"]
    branch, shortcut, add, relu = block.children
    assert [row.type for row in branch.rows] == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d"]
    assert [row.type for row in shortcut.rows] == ["Conv2d", "BatchNorm2d"] and shortcut.shortcut == "projection"
    assert (add.row.type, relu.row.type) == ("Add", "ReLU")
    assert block.output_shape == (128, 28, 28)


def test_the_three_shortcuts_are_told_apart():
    kinds = {node.path: node.shortcut for node in walk(tree("resnet20")) if node.kind == "shortcut"}
    assert kinds["layer1.0.shortcut"] == "identity" and kinds["layer2.0.shortcut"] == "zero_pad"
    assert {node.shortcut for node in walk(tree("resnet18")) if node.kind == "shortcut"} == {"identity", "projection"}


def test_a_relu_before_the_addition_belongs_to_the_branch():
    nodes = {node.path: node for node in walk(tree("resnet18-nopad"))}
    assert [row.type for row in nodes["layer1.0.branch"].rows][-1] == "ReLU"


def test_a_plain_block_has_no_shortcut():
    nodes = {node.path: node for node in walk(tree("plain20"))}
    assert [child.kind for child in nodes["layer2.0"].children] == ["branch", "layer"]


def test_resnet9s_entries_are_no_blocks():
    kinds = [child.kind for stage in tree("resnet9").children[1:4] for child in stage.children]
    assert kinds == ["entry", "block", "entry", "entry", "block"]
