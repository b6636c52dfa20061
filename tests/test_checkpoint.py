"""A checkpoint opens as what was saved, or is refused with a sentence; nothing in it is ever unpickled."""

from __future__ import annotations

import json
import pickle

import pytest
import torch
from safetensors.torch import load, save

from resnet_demo import build_model, load_model
from resnet_demo.checkpoint import load_state, open_checkpoint, read_card, save_checkpoint, save_state, shipped
from resnet_demo.errors import CheckpointRefused, UnknownCheckpoint
from resnet_demo.preprocess import Preprocess

CARD = {"model": "resnet20", "classes": [str(n) for n in range(10)], "shape": [1, 28, 28], "dataset": "mnist"}


def half(channels: int = 1, resize: int | None = None) -> Preprocess:
    return Preprocess(torch.full((channels, 1, 1), 0.5), torch.full((channels, 1, 1), 0.25), resize)


@pytest.fixture
def saved(tmp_path):
    model = build_model("resnet20", in_channels=1, seed=3)
    model.bn1.running_mean.fill_(0.5)
    path = tmp_path / "net.safetensors"
    save_checkpoint(path, model, half(), CARD)
    return path, model.eval()


def test_what_was_saved_opens_and_answers_the_same(saved):
    path, model = saved
    opened, card = load_model(path)
    images = torch.rand(4, 1, 28, 28)
    assert not opened.training and torch.equal(opened(images), model(images))
    assert card["dataset"] == "mnist" and card["spec"]["name"] == "resnet20"


def test_the_preprocessing_travels_with_the_weights(saved):
    path, _ = saved
    checkpoint = open_checkpoint(path)
    white = torch.full((1, 1, 28, 28), 255, dtype=torch.uint8)
    assert torch.allclose(checkpoint.preprocess(white), torch.full((1, 1, 28, 28), 2.0))
    assert checkpoint.shape == (1, 28, 28) and checkpoint.classes[3] == "3"


def test_the_card_is_read_without_the_weights(saved):
    assert read_card(saved[0])["model"] == "resnet20"


def test_a_resizing_recipe_is_kept(tmp_path):
    save_checkpoint(tmp_path / "a.safetensors", build_model("resnet20", in_channels=1), half(resize=40), CARD)
    assert open_checkpoint(tmp_path / "a.safetensors").preprocess(torch.zeros(1, 1, 28, 28)).shape[-1] == 40


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(UnknownCheckpoint, match="There is no checkpoint"):
        open_checkpoint("no-such-thing")


def refuse(path, why):
    with pytest.raises(CheckpointRefused, match=why) as caught:
        open_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [0, 4, 8, 9, 200, 5000, 200_000])
def test_a_file_that_was_cut_is_refused(saved, length):
    path, _ = saved
    path.write_bytes(path.read_bytes()[:length])
    refuse(path, "cannot be used as a checkpoint")


def test_a_pickle_is_refused_and_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    path = tmp_path / "bomb.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))
    refuse(path, "not a safetensors file")
    assert not (tmp_path / "executed").exists()


def changed(path, tensors=None, card=None):
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    new_card = {**json.loads(header["card"]), **(card or {})}
    path.write_bytes(save({**load(data), **(tensors or {})}, {"card": json.dumps(new_card)}))


def test_weights_that_are_not_numbers_are_refused(saved):
    changed(saved[0], {"fc.weight": torch.full((10, 64), torch.nan)})
    refuse(saved[0], "not numbers")


def test_weights_of_another_network_are_refused(saved):
    changed(saved[0], {"fc.weight": torch.zeros(11, 64)})
    refuse(saved[0], "not those of resnet20")


def test_a_card_that_claims_a_giant_network_allocates_nothing(saved):
    spec = read_card(saved[0])["spec"]
    changed(saved[0], card={"spec": {**spec, "widths": [4096] * 3, "blocks_per_stage": [100] * 3}})
    refuse(saved[0], "not those of")


@pytest.mark.parametrize(
    "card", [{"shape": [3, 28, 28]}, {"shape": "28"}, {"classes": ["a"]}, {"spec": {}}, {"spec": 3}]
)
def test_a_card_that_does_not_fit_is_refused(saved, card):
    changed(saved[0], card=card)
    refuse(saved[0], "cannot be used")


def test_a_training_state_survives_its_file(tmp_path):
    tensors, scalars = {"a": torch.arange(5), "b": torch.rand(2, 3)}, {"step": 7, "lr": 0.1, "plateau": None}
    save_state(tmp_path / "resume.safetensors", tensors, scalars)
    found, values = load_state(tmp_path / "resume.safetensors")
    assert values == scalars and all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_every_shipped_checkpoint_opens_and_its_card_says_how_good_it_is():
    assert "resnet20-fashion-mnist" in shipped()
    for name, path in shipped().items():
        checkpoint = open_checkpoint(name)
        test = checkpoint.card["test"]
        assert checkpoint.card["name"] == name and path.stat().st_size < 10_000_000
        assert test["n"] == sum(row["n"] for row in test["per_class"]) == sum(map(sum, test["confusion"]))
        assert path.with_suffix(".jsonl").is_file()


def test_a_shipped_file_with_one_changed_byte_is_refused(tmp_path, monkeypatch):
    from resnet_demo import checkpoint as module

    name, source = next(iter(shipped().items()))
    for suffix in (".safetensors", ".json"):
        (tmp_path / f"{name}{suffix}").write_bytes(source.with_suffix(suffix).read_bytes())
    monkeypatch.setattr(module, "SHIPPED", tmp_path)
    assert module.open_checkpoint(name).name == name
    data = bytearray((tmp_path / f"{name}.safetensors").read_bytes())
    data[-5] ^= 1
    (tmp_path / f"{name}.safetensors").write_bytes(data)
    with pytest.raises(CheckpointRefused, match="not those its card was made for"):
        module.open_checkpoint(name)
