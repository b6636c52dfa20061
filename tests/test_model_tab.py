"""What the Model and Layers tabs say and do, without a browser."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from resnet_demo.device import Compute
from resnet_demo.exports import to_csv, to_json, to_markdown
from resnet_demo.layers import layer_table
from resnet_demo.specs import MODELS
from resnet_demo.timing import StepTime, step_time
from resnet_demo.ui import layers_tab, model_tab
from resnet_demo.ui.figures import counting, figures_html, milliseconds, short, time_html, which_one
from resnet_demo.ui.hand import Hand
from resnet_demo.ui.layer_html import percent


def model_of(hand: str) -> str:
    return Hand.of(hand).model


def hand(model: str = "resnet20", **fields) -> str:
    return Hand(model=model, **fields).to_json()


def test_every_model_can_be_chosen():
    offered = [name for family in model_tab.FAMILIES for _, name in model_tab.depths(family)]
    assert sorted(offered) == sorted(name for name in MODELS if not MODELS[name].is_plain)
    reached = {
        model_of(model_tab.take_model(hand("resnet9"), name, way)) for name in offered for way in ("residual", "plain")
    }
    assert reached == set(MODELS)


def test_a_family_keeps_the_depth_where_it_can():
    assert model_of(model_tab.take_family(hand("resnet34"), "cifar-stem", "residual")) == "resnet34-cifar"
    assert model_of(model_tab.take_family(hand("resnet20"), "imagenet", "residual")) == "resnet18"
    assert model_of(model_tab.take_family(hand("plain20"), "imagenet", "plain")) == "plain18"
    assert model_of(model_tab.take_family(hand("plain20"), "cifar-stem", "plain")) == "resnet18-cifar"


def test_another_model_drops_the_checkpoint_and_keeps_the_data():
    changed = Hand.of(model_tab.take_model(hand(checkpoint="some-run", dataset="cifar10"), "resnet56", "residual"))
    assert (changed.model, changed.checkpoint, changed.dataset) == ("resnet56", "", "cifar10")
    same = hand(checkpoint="some-run")
    assert model_tab.take_model(same, "resnet20", "residual") == same


@pytest.mark.parametrize("name", MODELS)
def test_the_tab_shows_every_model(name):
    family, depth, shortcut, picture, figures, words = model_tab.show(hand(name))
    assert family in model_tab.FAMILIES and picture.count("<svg") == 2
    assert depth.value == name.replace("plain", "resnet")
    assert shortcut.value == ("plain" if MODELS[name].is_plain else "residual")
    table = layer_table(MODELS[name])
    assert f"{table.total_params:,}" in figures and f"{table.total_macs:,}" in figures
    assert MODELS[name].source.split(":")[0] in words.replace("&#x27;", "'")


@pytest.mark.parametrize("name", MODELS)
def test_one_sentence_tells_a_model_from_its_namesakes(name):
    sentence = which_one(MODELS[name])
    assert sentence.startswith("This is ") and sentence.endswith(".") and "{" not in sentence and "  " not in sentence


def test_the_namesakes_numbers_are_the_references():
    assert "269,722" in which_one(MODELS["resnet20"]) and "272,474" in which_one(MODELS["resnet20"])
    for number in ("11.69 M", "11.17 M", "11.18 M"):
        assert number in which_one(MODELS["resnet18"])
    assert "ReLU before each addition" in which_one(MODELS["resnet18-nopad"])


def test_how_layers_are_counted():
    assert counting(MODELS["resnet20"]) == "1 stem + 9 blocks × 2 + 1 linear"
    assert counting(MODELS["resnet50"]) == "1 stem + 16 blocks × 3 + 1 linear; 1×1 shortcuts are not counted"
    for name, spec in MODELS.items():
        total = eval(re.sub(r"[a-z]+", "", counting(spec).split(";")[0].replace("×", "*")).replace("  ", " "))
        assert total == spec.depth, name


def test_numbers_for_people():
    assert [short(n) for n in (640, 269_722, 11_173_962, 4_089_184_256)] == ["640", "269.7 k", "11.17 M", "4.09 G"]
    assert [milliseconds(s) for s in (0.0012, 0.0123, 1.5)] == ["1.2 ms", "12 ms", "1,500 ms"]
    assert [percent(a, 1000) for a in (0, 1000, 98, 7)] == ["–", "100 %", "9.8 %", "0.7 %"]
    assert percent(1, 100_000) == "< 0.1 %"


def test_the_time_is_measured_and_says_how():
    spec = replace(MODELS["resnet9-slim"], widths=(4, 4, 4), name="tiny")
    measured = step_time(spec)
    assert 0 < measured.seconds_per_picture < 5 and step_time(spec) is measured
    html = time_html(StepTime(0.012, 32, Compute(precision="bf16")), MODELS["resnet20"])
    assert "12 ms" in html and "measured here" in html and "batch of 32" in html and "3×32×32" in html


def test_nothing_is_measured_while_a_run_trains_nor_for_a_name_that_is_none():
    class Busy:
        def line(self):
            return ["a run"]

    class Lab:
        scheduler = Busy()

    class FakePage:
        lab = Lab()

    pool = ThreadPoolExecutor(1)
    assert "while a run is training" in asyncio.run(model_tab.measured_html(FakePage, pool, "resnet152"))
    assert asyncio.run(model_tab.measured_html(FakePage, pool, "../x")) == ""


def layers(name: str, *numbers, view: str = "tree") -> str:
    return layers_tab.layers_html(MODELS[name], numbers or layers_tab.natural(MODELS[name]), view)


@pytest.mark.parametrize("name", MODELS)
def test_both_views_have_every_layer_and_the_totals(name):
    table = layer_table(MODELS[name])
    tree, flat = layers(name), layers(name, view="flat")
    assert tree.count('class="layer ') == len(table.rows) == flat.count('<tr><th scope="row">')
    assert f"{table.total_params:,}" in tree and f"{table.total_macs:,}" in flat


def test_the_tree_says_the_arithmetic_and_what_a_layer_sees():
    tree = layers("resnet18")
    assert "3 × 3 × 64 × 128 = 73,728" in tree and "Each output sees a window of 7×7 pixels" in tree
    assert "Blocks 1 to 2" in tree and "identity" in tree


def test_the_code_is_the_code_that_runs():
    assert "class Bottleneck(Block)" in layers("resnet50") and "class ZeroPad" not in layers("resnet50")
    assert "class ZeroPad" in layers("resnet20") and "class ConvPool" in layers("resnet9")


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    (
        ((60, 96, 3, 10), "the smallest picture it can take is 75×75"),
        ((96, 96, 0, 10), "1 to 1,024"),
        ((96, 96, 3, 0), "0 classes"),
        ((None, 96, 3, 10), "Height in pixels must be a whole number"),
        ((96, 96.5, 3, 10), "Width in pixels must be a whole number"),
        ((96, 96, float("nan"), 10), "Channels must be a whole number"),
        ((96, 10**30, 3, 10), "75 to 170 pixels"),
    ),
)
def test_wrong_numbers_get_a_sentence_in_the_page(numbers, sentence):
    html = layers("resnet18-nopad", *numbers)
    assert sentence in html and 'role="alert"' in html and "<table" not in html


def test_another_model_brings_its_numbers_and_the_same_one_keeps_the_pages():
    adopted = layers_tab.adopt(hand("resnet18"), "resnet20", 28, 28, 1, 10, "flat")
    assert adopted[:5] == ("resnet18", 224, 224, 3, 1000) and "<table" in adopted[5]
    kept = layers_tab.adopt(hand("resnet20"), "resnet20", 28, 28, 1, 10, "tree")
    assert kept[0] == "resnet20" and all(isinstance(value, dict) for value in kept[1:])
    assert "16×28×28" in layers_tab.paint(hand("resnet20"), 28, 28, 1, 10, "tree")


def test_files_to_take_along():
    table = layer_table(MODELS["resnet20"])
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    assert rows[0] == {
        "name": "conv1", "type": "Conv2d", "output_shape": "16x32x32", "params": "432", "macs": "442368",
        "receptive_field": "3x3",
    }  # fmt: skip
    assert sum(int(row["params"]) for row in rows) == table.total_params
    assert json.loads(to_json(table)) == table.as_dict()
    markdown = to_markdown(table).splitlines()
    assert len(markdown) == len(rows) + 3 and {line.count("|") for line in markdown} == {7}


def test_taking_along_what_makes_no_sense_gives_nothing():
    def take(*asked):
        return asyncio.run(layers_tab.take_along(list(asked)))

    assert take("csv", "resnet20", 1, 28, 28, 7).splitlines()[-1] == "fc,Linear,7,455,448,105x105"
    for asked in (
        (),
        ("exe", "resnet20", 1, 28, 28, 7),
        ("csv", "no", 1, 28, 28, 7),
        ("csv", "resnet9", 1, 2, 2, 7),
        ("csv", [], {}, 1, 1, 1),
    ):
        assert take(*asked) == ""


def test_figures_escape_what_they_are_given():
    spec = replace(MODELS["resnet20"], name="<script>")
    assert "<script>" not in figures_html(spec, "")
