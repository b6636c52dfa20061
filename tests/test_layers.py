"""Every number of the layer table against another source: the reference, a real forward pass, torch's own counter."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from any_network import specs
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from resnet_demo.errors import InputDoesNotFit
from resnet_demo.fitting import MAX_SIDE, sides_that_fit
from resnet_demo.layers import layer_table, on_meta, watching
from resnet_demo.resnet import ResNet
from resnet_demo.specs import MODELS

ROOT = Path(__file__).resolve().parent.parent
FACTS = {
    "resnet18": (11_689_512, 1_814_073_344),
    "resnet34": (21_797_672, 3_663_761_408),
    "resnet50": (25_557_032, 4_089_184_256),
    "resnet101": (44_549_160, 7_801_405_440),
    "resnet152": (60_192_808, 11_513_626_624),
    "resnet18-cifar": (11_173_962, 555_422_720),
    "resnet34-cifar": (21_282_122, 1_159_402_496),
    "resnet50-cifar": (23_520_842, 1_297_829_888),
    "resnet101-cifar": (42_512_970, 2_509_983_744),
    "resnet152-cifar": (58_156_618, 3_722_137_600),
    "resnet18-d2l": (11_178_378, 1_734_890_496),
    "resnet18-nopad": (11_180_682, 304_858_816),
    "resnet20": (269_722, 40_551_040),
    "resnet32": (464_154, 68_862_592),
    "resnet44": (658_586, 97_174_144),
    "resnet56": (853_018, 125_485_696),
    "resnet110": (1_727_962, 252_887_680),
}


@pytest.mark.parametrize("name", FACTS)
def test_parameters_and_macs_of_the_reference(name):
    table = layer_table(MODELS[name])
    assert (table.total_params, table.total_macs) == FACTS[name]


def test_other_numbers_of_the_reference():
    assert layer_table(MODELS["resnet18-d2l"], (1, 96, 96)).total_macs == 318_657_536
    assert layer_table(replace(MODELS["resnet20"], shortcut="projection")).total_params == 272_474
    assert round(layer_table(MODELS["resnet18-cifar"]).params_bytes / 2**20, 2) == 42.63


@pytest.mark.parametrize("name", MODELS)
def test_totals_equal_the_modules_own_and_torchs_counter(name):
    spec = MODELS[name]
    table, model = layer_table(spec), on_meta(spec)
    assert table.total_params == sum(p.numel() for p in model.parameters())
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        model(torch.empty(1, *spec.input, device="meta"))
    assert 2 * table.total_macs == counter.get_total_flops()
    assert table.input == spec.input and table.rows[-1].output_shape == (spec.num_classes,)


def last_shape(table, prefix):
    return [row.output_shape for row in table.rows if row.name.startswith(prefix)][-1]


@pytest.mark.parametrize(
    ("name", "input", "stem", "stages"),
    (
        ("resnet18-d2l", (1, 224, 224), (64, 56, 56), ((64, 56, 56), (128, 28, 28), (256, 14, 14), (512, 7, 7))),
        ("resnet18-d2l", (1, 96, 96), (64, 24, 24), ((64, 24, 24), (128, 12, 12), (256, 6, 6), (512, 3, 3))),
        ("resnet18-nopad", (3, 96, 96), (64, 22, 22), ((64, 22, 22), (128, 11, 11), (256, 6, 6), (512, 3, 3))),
        ("resnet18-cifar", (3, 32, 32), (64, 32, 32), ((64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4))),
    ),
)
def test_shapes_of_the_reference(name, input, stem, stages):
    spec = MODELS[name].adapted(num_classes=10)
    table = layer_table(spec, input)
    before_stages = [row for row in table.rows if not row.name.startswith("layer")]
    assert [row.output_shape for row in before_stages][-4] == stem
    assert tuple(last_shape(table, f"layer{i}.") for i in (1, 2, 3, 4)) == stages
    assert [(row.type, row.output_shape) for row in table.rows[-2:]] == [("Flatten", (512,)), ("Linear", (10,))]
    assert table.rows[-3].output_shape == (512, 1, 1)
    if name == "resnet18-nopad":
        assert table.rows[0].output_shape == (64, 45, 45)


def test_one_notebooks_stem_with_padding_2_gives_111():
    d2l = MODELS["resnet18-d2l"]
    other = layer_table(replace(d2l, stem=replace(d2l.stem, padding=2)))
    assert other.rows[0].output_shape == (64, 111, 111)
    after_pool = [row.output_shape for row in layer_table(d2l).rows[3:]]
    assert [row.output_shape for row in other.rows[3:]] == after_pool


RESNET18_CIFAR = """
    conv 64x32x32 1728 | bn 128
    conv 64x32x32 36864 | bn 128 | conv 64x32x32 36864 | bn 128
    conv 64x32x32 36864 | bn 128 | conv 64x32x32 36864 | bn 128
    conv 128x16x16 73728 | bn 256 | conv 128x16x16 147456 | bn 256 | conv 128x16x16 8192 | bn 256
    conv 128x16x16 147456 | bn 256 | conv 128x16x16 147456 | bn 256
    conv 256x8x8 294912 | bn 512 | conv 256x8x8 589824 | bn 512 | conv 256x8x8 32768 | bn 512
    conv 256x8x8 589824 | bn 512 | conv 256x8x8 589824 | bn 512
    conv 512x4x4 1179648 | bn 1024 | conv 512x4x4 2359296 | bn 1024 | conv 512x4x4 131072 | bn 1024
    conv 512x4x4 2359296 | bn 1024 | conv 512x4x4 2359296 | bn 1024
    linear 10 5130
"""


def by(shape) -> str:
    return "x".join(map(str, shape))


def test_resnet18_cifar_row_by_row():
    short = {"Conv2d": "conv", "BatchNorm2d": "bn", "Linear": "linear"}
    found = [
        " ".join([short[row.type], *([] if row.type == "BatchNorm2d" else [by(row.output_shape)]), str(row.params)])
        for row in layer_table(MODELS["resnet18-cifar"]).rows
        if row.type in short
    ]
    expected = [part.strip() for line in RESNET18_CIFAR.strip().splitlines() for part in line.split("|")]
    assert len(expected) == 41
    assert found == expected


def within(block: str, parts: str) -> list[str]:
    return [f"{block}.{part}" for part in parts.split()]


def test_every_call_is_a_row_and_containers_are_not():
    rows = layer_table(MODELS["resnet18"]).rows
    names = [row.name for row in rows]
    assert names[:4] == ["conv1", "bn1", "relu", "maxpool"] and names[-3:] == ["avgpool", "flatten", "fc"]
    assert names[4:11] == within("layer1.0", "conv1 bn1 relu conv2 bn2 add relu")
    assert names.count("layer1.0.relu") == 2, "one module called twice is two rows"
    assert names[18:27] == within("layer2.0", "conv1 bn1 relu conv2 bn2 downsample.0 downsample.1 add relu")
    assert sum(row.type == "Add" for row in rows) == 8
    assert {row.type for row in rows} == {
        "Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d", "Add", "AdaptiveAvgPool2d", "Flatten", "Linear",
    }  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_block_has_one_addition_and_a_plain_block_none(name):
    spec = MODELS[name]
    additions = sum(row.type == "Add" for row in layer_table(spec).rows)
    assert additions == (0 if spec.is_plain else sum(spec.blocks_per_stage))


def test_the_notebooks_extra_relu_is_a_row_before_the_addition():
    rows = layer_table(MODELS["resnet18-nopad"]).rows
    before = [rows[i - 1].type for i, row in enumerate(rows) if row.type == "Add"]
    assert before.count("ReLU") == 5 and before.count("Conv2d") == 3  # beside the three projections the 1x1 comes last
    assert not any(before for row, before in zip(rows[1:], rows) if before.type == "ReLU" and row.type == "ReLU")


def test_arithmetic_in_words_ends_in_the_number():
    for name in ("resnet18-d2l", "resnet9", "resnet50"):
        for row in layer_table(MODELS[name]).rows:
            assert row.params_in_words.rsplit("= ", 1)[-1] == f"{row.params:,}"
            assert row.macs_in_words.rsplit("= ", 1)[-1] == f"{row.macs:,}"
            assert sum(map(math.prod, row.param_terms)) == row.params
    rows = {row.name: row for row in layer_table(MODELS["resnet18"]).rows}
    assert rows["layer2.0.conv1"].params_in_words == "3 × 3 × 64 × 128 = 73,728"
    assert rows["bn1"].params_in_words == "2 × 64 = 128"
    assert rows["fc"].params_in_words == "512 × 1,000 + 1,000 = 513,000"
    assert rows["relu"].params_in_words == "0"
    assert rows["fc"].macs_in_words == "512 × 1,000 = 512,000"


def test_as_dict_is_the_contract():
    value = layer_table(MODELS["resnet20"]).as_dict()
    assert list(value) == ["model", "input", "rows", "total_params", "total_macs"]
    assert value["input"] == [3, 32, 32] and value["model"] == "resnet20"
    assert value["rows"][0] == {
        "name": "conv1",
        "type": "Conv2d",
        "output_shape": [16, 32, 32],
        "params": 432,
        "macs": 442_368,
    }
    assert sum(row["params"] for row in value["rows"]) == value["total_params"]
    assert sum(row["macs"] for row in value["rows"]) == value["total_macs"]


def test_watching_leaves_no_hook_behind():
    model = on_meta(MODELS["resnet20"])
    with pytest.raises(ZeroDivisionError), watching(model, lambda *_: 1 / 0):
        model(torch.empty(1, 3, 32, 32, device="meta"))
    assert not any(module._forward_hooks for module in model.modules())


IN_A_WARM_PROCESS = """
import time, psutil
from resnet_demo.layers import layer_table
from resnet_demo.specs import MODELS
layer_table(MODELS["resnet20"])  # torch loads its meta kernels once a process
process, seconds = psutil.Process(), []
before = process.memory_info().rss
for classes in (1000, 999, 998):
    start = time.process_time()
    table = layer_table(MODELS["resnet152"].adapted(num_classes=classes), (3, 224, 224))
    seconds.append(time.process_time() - start)
    if classes == 1000:
        grown = process.memory_info().rss - before
start = time.perf_counter()
assert layer_table(MODELS["resnet152"].adapted(num_classes=998), (3, 224, 224)) is table
print(min(seconds), time.perf_counter() - start, grown)
"""


@pytest.mark.slow
def test_instant_for_the_deepest_remembered_and_without_memory():
    """Seconds of the processor, since neighbours may be busy; three first times, of which the quickest counts."""
    command = [sys.executable, "-c", IN_A_WARM_PROCESS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=120)
    first, again, grown = map(float, done.stdout.split())
    assert first < 0.5 and again < 0.02 and grown < 50e6
    assert all(p.is_meta for p in on_meta(MODELS["resnet152"]).parameters())


def test_another_number_of_channels_is_another_network():
    table = layer_table(MODELS["resnet18"], (1, 224, 224))
    assert table.rows[0].params == 7 * 7 * 64 and table.input == (1, 224, 224)


@pytest.mark.parametrize(
    ("name", "input", "sentence"),
    (
        ("resnet18-nopad", (3, 60, 96), "cannot take an input of 3×60×96: the smallest picture it can take is 75×75"),
        ("resnet18-nopad", (3, 96, 171), "the smallest picture it can take is 75×75, the largest 170×170"),
        ("resnet9", (3, 7, 32), "resnet9 cannot take an input of 3×7×32: the smallest picture it can take is 8×8"),
        ("resnet20", (0, 32, 32), "1 to 1,024 channels"),
        ("resnet20", (2000, 32, 32), "1 to 1,024 channels"),
        ("resnet20", (3, 0, 32), "1 to 4,096 pixels"),
        ("resnet20", (3, 32, 99_999), "1 to 4,096 pixels"),
        ("resnet18-nopad", (3, 32, 99_999), "75 to 170 pixels"),
        ("resnet20", (32, 32), "three whole numbers"),
        ("resnet20", (3, 32.5, 32), "three whole numbers"),
    ),
)
def test_an_input_that_does_not_fit_gets_a_sentence(name, input, sentence):
    with pytest.raises(InputDoesNotFit) as caught:
        layer_table(MODELS[name], input)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ("resnet18-nopad", "resnet9", "resnet20", "resnet50"))
def test_the_smallest_and_the_largest_size_work_and_the_next_do_not(name):
    spec = MODELS[name]
    smallest, largest = sides_that_fit(spec)
    for side in (smallest, largest):
        assert layer_table(spec, (3, side, side)).rows[-1].output_shape == (spec.num_classes,)
    for side in (smallest - 1, largest + 1):
        with pytest.raises(InputDoesNotFit):
            layer_table(spec, (3, side, side))
    assert 1 <= smallest <= largest <= MAX_SIDE


@settings(max_examples=25, deadline=None)
@given(spec=specs(), height=st.integers(16, 40), width=st.integers(16, 40))
def test_any_network_and_input_equal_a_real_pass(spec, height, width):
    shape = (spec.in_channels, height, width)
    model = ResNet(spec).eval()
    seen = []
    with watching(model, lambda name, module, inputs, output: seen.append((name, tuple(output.shape[1:])))):
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            try:
                model(torch.zeros(1, *shape))
            except RuntimeError:
                with pytest.raises(InputDoesNotFit):
                    layer_table(spec, shape)
                return
    table = layer_table(spec, shape)
    assert [(row.name, row.output_shape) for row in table.rows] == seen
    assert table.total_params == sum(p.numel() for p in model.parameters())
    assert 2 * table.total_macs == counter.get_total_flops()
