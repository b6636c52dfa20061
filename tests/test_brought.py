"""Weights and pictures that somebody brings: what they become, and what is said where something is missing."""

from __future__ import annotations

import json

import pytest
import torch
from made_pictures import as_zip, picture
from PIL import Image

from resnet_demo import verbs
from resnet_demo.brought import bring, keep, open_any
from resnet_demo.checkpoint import open_checkpoint
from resnet_demo.cli import main
from resnet_demo.errors import ArchiveRefused, CheckpointRefused, ClassesDiffer
from resnet_demo.evaluate import evaluate
from resnet_demo.many import read_many
from resnet_demo.predict import classify
from resnet_demo.resnet import build_model


@pytest.fixture
def weights(tmp_path):
    model = build_model("resnet20", num_classes=10, in_channels=1, seed=3)
    path = tmp_path / "theirs.pth"
    torch.save({"state_dict": {f"module.{key}": value for key, value in model.state_dict().items()}}, path)
    return path


def test_weights_become_a_checkpoint_that_opens_anywhere(weights, tmp_path):
    brought = bring(weights, "fashion-mnist")
    assert brought.spec.name == "resnet20" and brought.shape == (1, 28, 28) and brought.classes[0] == "T-shirt/top"
    keep(tmp_path / "kept.safetensors", brought)
    kept = open_checkpoint(tmp_path / "kept.safetensors")
    image = Image.new("L", (50, 40), 80)
    first, second = (classify(one, [image])[0].probabilities for one in (brought, kept))
    assert first == pytest.approx(second, abs=1e-6)


def test_what_is_missing_is_said(weights):
    with pytest.raises(CheckpointRefused, match="name the data set"):
        open_any(weights)
    with pytest.raises(CheckpointRefused, match="tells 10 classes apart, and the list has 2"):
        bring(weights, classes=("a", "b"))
    with pytest.raises(CheckpointRefused, match="not those of resnet18, but of resnet20, plain20"):
        bring(weights, "mnist", model="resnet18")


def test_a_plain_twin_is_chosen_by_name(weights):
    plain = bring(weights, "mnist", model="plain20")
    assert plain.spec.is_plain and plain.card["model"] == "plain20"
    image = Image.new("L", (28, 28), 80)
    assert classify(plain, [image])[0].probabilities != classify(bring(weights, "mnist"), [image])[0].probabilities


def test_the_command_line_takes_them(weights, tmp_path, capsys):
    Image.new("L", (30, 30), 9).save(tmp_path / "grey.png")
    assert main(["classify", str(tmp_path / "grey.png"), "--checkpoint", str(weights)]) == 2
    assert "name the data set" in capsys.readouterr().err
    asked = ["classify", str(tmp_path / "grey.png"), "--checkpoint", str(weights), "--dataset", "mnist", "--json"]
    assert main(asked) == 0
    assert len(json.loads(capsys.readouterr().out)[0]["top"]) == 5


def test_folders_are_labels_and_every_picture_goes_the_way_of_a_single_one(weights, tmp_path):
    files = {f"things/{name}/{n}.png": picture(40 * n + 9) for name in ("bag", "T-shirt_top") for n in range(4)}
    path = as_zip({**files, "things/bag/no.png": b"nothing"}, tmp_path / "things.zip")
    checkpoint = bring(weights, "fashion-mnist")
    found = read_many(checkpoint, [(path, path.name)])
    assert len(found.names) == 8 and sorted(found.labels.tolist()) == [0] * 4 + [8] * 4
    assert len(found.refused) == 1 and "no.png" in found.refused[0]
    result = evaluate(checkpoint, found.labelled(checkpoint))
    singly = [classify(checkpoint, [files[name]])[0].top[0][0] for name in found.names]
    assert [checkpoint.classes[index] for index in result.predicted] == singly
    assert (
        verbs.evaluate(str(weights), "fashion-mnist", pictures=str(path))["per_class"] == result.as_dict()["per_class"]
    )


def test_loose_pictures_have_no_labels_and_strange_folders_are_named(weights, tmp_path):
    checkpoint = bring(weights, "fashion-mnist")
    (tmp_path / "a.png").write_bytes(picture(3))
    assert read_many(checkpoint, [(tmp_path / "a.png", "mine.png")]).labels is None
    strange = as_zip({"cats/1.png": picture(3)}, tmp_path / "cats.zip")
    with pytest.raises(ClassesDiffer, match="cats"):
        read_many(checkpoint, [(strange, "cats.zip")])
    (tmp_path / "b.png").write_bytes(b"x")
    with pytest.raises(ArchiveRefused, match="none of its pictures"):
        read_many(checkpoint, [(tmp_path / "b.png", "b.png")])
