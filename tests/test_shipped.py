"""What ships: every checkpoint is small, whole, as good as it must be, and as good as its card says."""

from __future__ import annotations

import hashlib
import json

import pytest

from resnet_demo.checkpoint import SHIPPED, open_checkpoint
from resnet_demo.datasets import load_data
from resnet_demo.errors import CheckpointRefused
from resnet_demo.evaluate import evaluate
from resnet_demo.events import History, replay

MEGABYTE = 10**6
AT_LEAST = {
    "resnet20-fashion-mnist": 0.932,
    "resnet56-fashion-mnist": 0.938,
    "resnet9-fashion-mnist": 0.938,
    "resnet9-cifar10-jpeg": 0.87,
    "resnet20-cifar10-jpeg": 0.84,
}
CARDS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SHIPPED.glob("*.json"))}
WEIGHTS = [name for name in CARDS if (SHIPPED / f"{name}.safetensors").is_file()]
QUICK = "resnet20-fashion-mnist"


def test_files_are_small():
    sizes = [path.stat().st_size for path in SHIPPED.iterdir()]
    assert max(sizes) < 10 * MEGABYTE and sum(sizes) < 60 * MEGABYTE


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_what_it_is_of(name):
    card = CARDS[name]
    for key in ("model", "dataset", "recipe", "seed", "versions", "created", "licence", "classes", "shape"):
        assert card[key] not in (None, "", []), key
    test = card["test"]
    assert test["n"] == 10_000 == sum(row["n"] for row in test["per_class"]) == sum(map(sum, test["confusion"]))
    right = sum(row["correct"] for row in test["per_class"])
    assert test["accuracy"] == right / 10_000 == sum(row[k] for k, row in enumerate(test["confusion"])) / 10_000
    assert test["accuracy"] >= AT_LEAST.get(name, 0.1)


@pytest.mark.parametrize("name", CARDS)
def test_its_run_is_recorded_to_the_end(name):
    history = History.of(replay((SHIPPED / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()))
    assert history.started.model == CARDS[name]["model"] and history.steps and history.validations
    assert history.finished.test_accuracy == CARDS[name]["test"]["accuracy"]


@pytest.mark.parametrize("name", WEIGHTS)
def test_its_weights_are_those_the_card_was_made_for(name):
    data = (SHIPPED / f"{name}.safetensors").read_bytes()
    assert CARDS[name]["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_changed_byte_is_refused_with_a_sentence(tmp_path, monkeypatch):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for path in SHIPPED.glob(f"{QUICK}.*"):
        data = bytearray(path.read_bytes())
        if path.suffix == ".safetensors":
            data[-1] ^= 1
        (folder / path.name).write_bytes(data)
    monkeypatch.setattr("resnet_demo.checkpoint.SHIPPED", folder)
    with pytest.raises(CheckpointRefused, match="not those its card was made for"):
        open_checkpoint(folder / f"{QUICK}.safetensors")


def test_cifar_as_jpeg_says_so_and_what_it_means():
    for name, card in CARDS.items():
        if "cifar10" in name:
            assert card["dataset_title"] == "CIFAR-10 (JPEG)" and "ten points" in card["note"]


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name == QUICK else pytest.mark.slow)
        for name in WEIGHTS
        if CARDS[name]["dataset"] == "fashion-mnist"
    ],
)
def test_evaluating_it_gives_its_card_to_the_digit(name):
    """Those on CIFAR-10 (JPEG) need pictures that are not part of the lab: `scripts/train_checkpoints.py --check`."""
    checkpoint = open_checkpoint(name)
    result = evaluate(checkpoint, load_data("fashion-mnist").test).as_dict()
    assert {key: CARDS[name]["test"][key] for key in result} == result


def test_everything_that_should_ship_does():
    assert not [name for name in AT_LEAST if name not in WEIGHTS]
