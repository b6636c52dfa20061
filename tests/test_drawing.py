"""The drawing is sound SVG that says what the network is, to scale, with every shortcut and nothing cut off."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from resnet_demo.errors import InputDoesNotFit
from resnet_demo.layers import layer_table
from resnet_demo.specs import MODELS
from resnet_demo.ui.drawing import draw
from resnet_demo.ui.stations import stations

SVG = "{http://www.w3.org/2000/svg}"
WAYS = ("across", "down")


def parsed(name: str, way: str = "across", **options) -> ElementTree.Element:
    return ElementTree.fromstring(draw(MODELS[name], way=way, **options))


def of_class(root: ElementTree.Element, tag: str, kind: str) -> list[ElementTree.Element]:
    return [element for element in root.iter(f"{SVG}{tag}") if kind in element.get("class", "").split()]


def words(root: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_sound_and_inside_its_frame(name, way):
    root = parsed(name, way)
    left, top, width, height = map(float, root.get("viewBox").split())
    for box in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        assert left <= x and x + w <= width and top <= y and y + h <= height
    for text in root.iter(f"{SVG}text"):
        assert left < float(text.get("x")) < width and top < float(text.get("y")) < height
    assert root.get("role") == "group" and root.get("aria-label")  # its blocks are buttons, which an img may not hold


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MODELS)
def test_every_residual_block_has_an_arc_and_a_plain_one_none(name, way):
    spec, root = MODELS[name], parsed(name, way)
    boxes = [box for station in stations(spec) for box in station.boxes]
    arcs = of_class(root, "path", "arc")
    assert len(arcs) == sum(bool(box.shortcut) for box in boxes)
    assert sum(box.count for box in boxes if box.shortcut) == (0 if spec.is_plain else sum(spec.blocks_per_stage))
    assert len(of_class(root, "circle", "plus")) == len(arcs)
    assert bool(arcs) is not spec.is_plain


def test_152_layers_are_ten_boxes():
    root = parsed("resnet152")
    assert len(of_class(root, "g", "block")) == 10
    assert [word for word in words(root) if word.startswith("× ")] == ["× 2", "× 7", "× 35", "× 2"]


def test_the_shapes_are_the_tables():
    found = [word for word in words(parsed("resnet50")) if word.count("×") == 2]
    assert found == ["3×224×224", "64×56×56", "256×56×56", "512×28×28", "1024×14×14", "2048×7×7"]


def test_slabs_are_to_scale():
    slabs = of_class(parsed("resnet18-cifar"), "rect", "slab")[1:]
    widths = [float(slab.get("width")) for slab in slabs]
    heights = [float(slab.get("height")) for slab in slabs]
    assert [round(width / widths[0], 1) for width in widths] == [1, 1, 2, 4, 8]
    assert [round(heights[0] / height, 1) for height in heights] == [1, 1, 2, 4, 8]


def test_shortcuts_are_told_apart():
    kinds = [arc.get("class").split()[1] for arc in of_class(parsed("resnet20"), "path", "arc")]
    assert kinds == ["identity", "zero_pad", "identity", "zero_pad", "identity"]
    assert words(parsed("resnet18")).count("1×1") == 3


def test_paths_lead_to_the_tree():
    paths = [block.get("data-path") for block in of_class(parsed("resnet34"), "g", "block")]
    assert paths == [
        "stem",
        "layer1.0-2",
        "layer2.0",
        "layer2.1-3",
        "layer3.0",
        "layer3.1-5",
        "layer4.0",
        "layer4.1-2",
        "head",
    ]


def test_numbers_of_the_boxes_add_up():
    boxes = [box for station in stations(MODELS["resnet101"]) for box in station.boxes]
    table = layer_table(MODELS["resnet101"])
    assert (sum(box.params for box in boxes), sum(box.macs for box in boxes)) == (table.total_params, table.total_macs)


def test_another_input_and_one_that_does_not_fit():
    assert "3×64×48" in words(parsed("resnet20", input=(3, 64, 48)))
    with pytest.raises(InputDoesNotFit):
        draw(MODELS["resnet9"], (3, 4, 4))


def test_stands_alone_and_follows_the_pages_colours():
    svg = draw(MODELS["resnet20"])
    assert not re.findall(r"(?:href|src|url)\s*[=(]", svg)
    assert "currentColor" in svg and "var(--net-accent, #0072b2)" in svg
