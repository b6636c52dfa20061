"""What the Model and Layers tabs say and do, without a browser."""

from __future__ import annotations

import csv
import io
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from apart import finished

from resnet_demo.device import Compute
from resnet_demo.exports import to_csv, to_json, to_markdown
from resnet_demo.layers import layer_table
from resnet_demo.specs import MODELS, find_model
from resnet_demo.timing import StepTime, step_time
from resnet_demo.ui import layers_tab, measuring, model_tab, own
from resnet_demo.ui.compare import compare_html, namesakes
from resnet_demo.ui.figures import counting, figures_html, milliseconds, short, time_html, which_one
from resnet_demo.ui.hand import Hand
from resnet_demo.ui.layer_data import size


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
    family, depth, shortcut, picture, figures, words, own_group, *_, others, compared = model_tab.show(hand(name))
    assert not own_group.visible and json.loads(compared) == [name, *others.value] and name not in others.value
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
    assert [size(n) for n in (40, 1_078_888, 42_600_000, 999_600_000)] == ["0.04 kB", "1.08 MB", "42.6 MB", "1.00 GB"]


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
    assert "while a run is training" in finished(measuring.measured_html(FakePage, pool, "resnet152"))
    assert finished(measuring.measured_html(FakePage, pool, "../x")) == ""


def test_on_zerogpu_nothing_is_measured_in_this_process(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    for brief in (False, True):
        assert "not measured here" in finished(measuring.measured_html(None, None, "resnet20", brief=brief))


def layers(name: str, *numbers) -> dict:
    asked = layers_tab.request(Hand(model=name), numbers or layers_tab.natural(find_model(name)), "tree")
    return json.loads(layers_tab.layers_json(asked))


def leaves(node) -> list[int]:
    return [node] if isinstance(node, int) else [leaf for child in node["inside"] for leaf in leaves(child)]


@pytest.mark.parametrize("name", MODELS)
def test_the_tab_is_sent_every_layer_once_and_little_of_it(name):
    table, data = layer_table(MODELS[name]), layers(name)
    assert [leaf for node in data["tree"] for leaf in leaves(node)] == list(range(len(table.rows)))
    for (row_name, kind), row in zip(data["rows"], table.rows):
        assert row_name == row.name
        assert data["kinds"][kind][4:6] == [row.params, row.macs] and data["kinds"][kind][-1] == row.saved_bytes
    assert (data["params"], data["macs"]) == (table.total_params, table.total_macs)
    assert len(json.dumps(data, separators=(",", ":"), ensure_ascii=False)) < 120_000


def test_the_arithmetic_what_a_layer_sees_and_the_memory_of_the_batch():
    data = layers("resnet18")
    words = [word for kind in data["kinds"] for word in kind]
    assert "3 × 3 × 64 × 128 = 73,728" in words and "7×7" in words
    titles = [child["title"] for node in data["tree"] for child in node["inside"] if isinstance(child, dict)]
    assert "Blocks 1 to 2" in titles and "a training step with them about 2.96 GB" in data["memory"]
    assert layers("resnet18", 224, 224, 3, 1000, 1)["memory"].startswith(
        "Memory, estimated in float32: weights 46.8 MB"
    )


def test_the_code_is_the_code_that_runs():
    def code(name):
        return {kind: text for kind, _, text in layers(name)["code"]}

    assert "class Bottleneck(Block)" in code("resnet50")["Bottleneck"] and "ZeroPad" not in code("resnet50")
    assert "ZeroPad" in code("resnet20") and "ConvPool" in code("resnet9")


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    (
        ((60, 96, 3, 10, 1), "the smallest picture it can take is 75×75"),
        ((96, 96, 0, 10, 1), "1 to 1,024"),
        ((96, 96, 3, 0, 1), "0 classes"),
        ((96, 96, 3, 10, 0), "A batch has 1 to 100,000 pictures"),
        ((None, 96, 3, 10, 1), "Height in pixels must be a whole number"),
        ((96, 96.5, 3, 10, 1), "Width in pixels must be a whole number"),
        ((96, 96, float("nan"), 10, 1), "Channels must be a whole number"),
        ((96, 10**30, 3, 10, 1), "75 to 170 pixels"),
    ),
)
def test_wrong_numbers_get_a_sentence_in_the_page(numbers, sentence):
    data = layers("resnet18-nopad", *numbers)
    assert list(data) == ["error"] and sentence in data["error"]


def test_what_makes_no_sense_gets_no_table():
    for asked in ("", "{}", "[]", '{"hand": 3, "numbers": 4}', '{"hand": "", "numbers": [1]}'):
        assert json.loads(layers_tab.layers_json(asked)) == {"error": ""}


def test_another_model_brings_its_numbers_and_the_same_one_keeps_the_pages():
    adopted = layers_tab.adopt(hand("resnet18"), "resnet20", 28, 28, 1, 10, 64, "flat")
    assert adopted[:6] == ("resnet18", 224, 224, 3, 1000, 64)
    wanted = json.loads(adopted[6])
    assert (wanted["model"], wanted["numbers"], wanted["view"]) == ("resnet18", [224, 224, 3, 1000, 64], "flat")
    kept = layers_tab.adopt(hand("resnet20"), "resnet20", 28, 28, 1, 10, 64, "tree")
    assert kept[0] == "resnet20" and all(isinstance(value, dict) for value in kept[1:6])
    assert json.loads(kept[6])["numbers"] == [28, 28, 1, 10, 64]
    assert layers_tab.paint(hand("resnet20"), 28, 28, 1, 10, 64, "tree") == kept[6]


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
        return finished(layers_tab.take_along(list(asked)))

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


def test_what_one_compares_with_stays_in_hand():
    chosen = model_tab.put_beside(hand(), ["plain56", "no such model", OWN, "plain56"])
    assert Hand.of(chosen).beside == f"plain56|{OWN}"
    *_, others, compared = model_tab.show(chosen)
    assert json.loads(compared) == ["resnet20", "plain56", OWN]
    assert ("Own ResNet-11", OWN) in others.choices
    assert Hand.of(json.dumps({"beside": "plain56|nothing"})).beside == ""


OWN = "custom:bottleneck-1.2-8.16-cifar-projection-7"


def test_ones_own_network_is_put_together_shown_and_taken_along():
    taken, refusal = own.take(hand(), "bottleneck", "1, 2", "8 16", "cifar", "projection", 7)
    assert model_of(taken) == OWN and refusal == ""
    family, depth, shortcut, picture, _, words, group, *parts, others, _ = model_tab.show(taken)
    assert family == "custom" and group.visible and not depth.visible and not shortcut.visible
    assert parts == ["bottleneck", "1 2", "8 16", "cifar", "projection", 7] and others.value
    assert picture.count("<svg") == 2 and "Own ResNet-11" in picture
    assert f"build_model(&quot;{OWN}&quot;)" in words and "put together here" in words
    assert layers(OWN)["title"] == "Own ResNet-11" and "class Bottleneck" in layers(OWN)["code"][0][2]
    assert finished(layers_tab.take_along(["csv", OWN, 3, 32, 32, 7])).count("\n") > 20
    assert own.take(taken, "bottleneck", "1 2", "8 16", "cifar", "projection", 7) == ({"__type__": "update"}, "")


@pytest.mark.parametrize(
    ("values", "sentence"),
    (
        (("basic", "2 x", "8 16", "cifar", "none", 10), "Blocks of each stage must be whole numbers"),
        (("basic", "2 2", "", "cifar", "none", 10), "Widths of each stage must be whole numbers"),
        (("basic", "2 2", "8", "cifar", "none", 10), "two lists of the same length"),
        (("basic", "2 2", "16 8", "cifar", "zero_pad", 10), "cannot go from 16 to 8 channels; use a projection"),
        (("basic", "2 2", "8 16", "cifar", "none", 0), "0 classes"),
        (("basic", "2 2", "8 16", "cifar", "none", 1.5), "Classes must be a whole number"),
        (("<b>", "2 2", "8 16", "cifar", "none", 10), "does not say custom:"),
    ),
)
def test_an_own_network_that_is_none_gets_a_sentence(values, sentence):
    kept, refusal = own.take(hand(), *values)
    assert kept == {"__type__": "update"} and sentence in refusal and 'role="alert"' in refusal and "<b>" not in refusal


@pytest.mark.parametrize("name", MODELS)
def test_every_model_can_be_ones_own_to_begin_with(name):
    taken = find_model(model_of(model_tab.take_family(hand(name), "custom", "residual")))
    assert taken.family == "custom" and taken.widths == MODELS[name].widths
    if MODELS[name].family in ("cifar", "imagenet", "cifar-stem"):
        assert (taken.depth, taken.shortcut, taken.stem.pool) == (
            MODELS[name].depth, MODELS[name].shortcut, MODELS[name].stem.pool,
        )  # fmt: skip
        assert (
            layer_table(taken).total_params
            == layer_table(MODELS[name].adapted(num_classes=taken.num_classes)).total_params
        )


def test_side_by_side_with_those_of_the_same_number():
    assert namesakes(MODELS["resnet20"]) == ["custom:basic-3.3.3-16.32.64-cifar-projection", "plain20"]
    assert namesakes(MODELS["resnet18"]) == ["resnet18-cifar", "resnet18-d2l", "resnet18-nopad", "plain18"]
    html = compare_html(["resnet20", *namesakes(MODELS["resnet20"])])
    for text in ("269,722", "272,474", "3 + 3 + 3 basic", "zeros (A)", "1×1 (B)", "Own ResNet-20", "Plain-20"):
        assert text in html
    assert html.count('class="time"') == 3 and compare_html(["<script>"]) == ""
    assert compare_html(list(MODELS)[:9]).count("<dt>") == 6
