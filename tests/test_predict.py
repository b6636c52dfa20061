"""A picture on its way to the model: its size, its channels, its ground, and the one path to an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnet_demo.checkpoint import Checkpoint
from resnet_demo.errors import InvalidOption, PictureRefused
from resnet_demo.evaluate import probabilities
from resnet_demo.predict import classify, look, to_input, view_for
from resnet_demo.preprocess import Preprocess
from resnet_demo.resnet import build_model

CLASSES = tuple("abcdefghij")


def checkpoint_for(shape=(1, 28, 28), dataset: str = "fashion-mnist") -> Checkpoint:
    model = build_model("resnet20", num_classes=10, in_channels=shape[0], seed=3)
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
    channels = shape[0]
    preprocess = Preprocess(torch.full((channels, 1, 1), 0.3), torch.full((channels, 1, 1), 0.35))
    card = {"classes": list(CLASSES), "shape": list(shape), "dataset": dataset, "model": "resnet20"}
    return Checkpoint(model.eval(), preprocess, card, "test", Path("test.safetensors"))


def shirt(ground: int = 255, thing: int = 30, size=(60, 80)) -> Image.Image:
    picture = Image.new("RGB", size, (ground,) * 3)
    picture.paste((thing,) * 3, (15, 20, 45, 60))
    return picture


def test_a_picture_of_the_models_own_size_is_untouched():
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    assert np.array_equal(to_input(Image.fromarray(pixels), (1, 28, 28))[0].numpy(), pixels)
    colours = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    assert np.array_equal(to_input(colours, (3, 32, 32)).permute(1, 2, 0).numpy(), colours)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32), (3, 24, 48)])
@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK"])
def test_any_picture_gets_the_models_size_and_channels(shape, fit, mode):
    pixels = to_input(shirt().convert(mode), shape, fit)
    assert pixels.dtype == torch.uint8 and tuple(pixels.shape) == shape


def test_a_light_ground_is_inverted_and_a_dark_one_is_not():
    light, dark = look(shirt(255, 30), (1, 28, 28), invert="auto"), look(shirt(10, 220), (1, 28, 28), invert="auto")
    assert light.inverted and not dark.inverted
    assert light.pixels[0, 0, 0] == 0 and dark.pixels[0, 0, 0] == 10
    assert light.pixels[0, 14, 14] == 225 and dark.pixels[0, 14, 14] == 220


def test_the_choice_of_inversion_is_obeyed():
    plain, turned = (look(shirt(), (1, 28, 28), invert=choice) for choice in ("no", "yes"))
    assert not plain.inverted and turned.inverted
    assert torch.equal(plain.pixels, 255 - turned.pixels)


def test_only_models_of_light_on_dark_data_invert_by_themselves():
    assert view_for(checkpoint_for(dataset="fashion-mnist-small"), shirt()).inverted
    assert view_for(checkpoint_for(dataset="mnist"), shirt()).inverted
    assert not view_for(checkpoint_for((3, 32, 32), "cifar10"), shirt()).inverted
    assert view_for(checkpoint_for((3, 32, 32), "cifar10"), shirt(), invert="yes").inverted


def test_clothes_are_shown_whole_and_photographs_fill_the_frame():
    tall = Image.new("L", (40, 80), 0)
    tall.paste(255, (0, 0, 40, 10))
    assert view_for(checkpoint_for(), tall).pixels.max() > 200
    assert view_for(checkpoint_for((3, 32, 32), "cifar10"), tall).pixels.max() == 0
    assert view_for(checkpoint_for(), tall, fit="crop").pixels.max() == 0


def test_padding_shows_all_of_the_picture_on_its_own_ground():
    wide = Image.new("L", (100, 20), 200)
    wide.paste(0, (0, 5, 10, 15))
    assert to_input(wide, (1, 28, 28), "pad").min() < 60
    assert to_input(wide, (1, 28, 28), "crop").min() == 200
    assert to_input(wide, (1, 28, 28), "pad")[0, 0, 0] == 200


def test_answers_are_the_most_probable_classes_in_order():
    (answer,) = classify(checkpoint_for(), [shirt()], top=3)
    assert len(answer.top) == 3 and sum(answer.probabilities) == pytest.approx(1, abs=1e-5)
    assert [p for _, p in answer.top] == sorted(answer.probabilities, reverse=True)[:3]
    assert answer.top[0][0] == CLASSES[int(np.argmax(answer.probabilities))]
    assert tuple(answer.view.shape) == (1, 28, 28) and answer.inverted
    assert len(classify(checkpoint_for(), [shirt()], top=50)[0].top) == 10
    assert classify(checkpoint_for(), []) == []


def test_batch_equals_single_and_the_test_sets_path():
    checkpoint = checkpoint_for()
    pixels = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (300, 1, 28, 28), np.uint8))
    together = torch.tensor([answer.probabilities for answer in classify(checkpoint, list(pixels))])
    alone = torch.tensor([classify(checkpoint, [one])[0].probabilities for one in pixels[:40]])
    arrays = [one[0].numpy() for one in pixels[:40]]
    as_files = torch.tensor([answer.probabilities for answer in classify(checkpoint, arrays, invert="no")])
    assert torch.allclose(together[:40], alone, atol=1e-5)
    assert torch.allclose(together[:40], as_files, atol=1e-5)
    assert torch.allclose(together, probabilities(checkpoint, pixels), atol=1e-6)


def test_gradient_mode_is_left_alone():
    classify(checkpoint_for(), [shirt()])
    assert torch.is_grad_enabled()


def test_refusals():
    with pytest.raises(InvalidOption, match="fit"):
        to_input(shirt(), (1, 28, 28), "stretch")
    with pytest.raises(InvalidOption, match="invert"):
        view_for(checkpoint_for(), shirt(), invert="maybe")
    with pytest.raises(InvalidOption, match="top"):
        classify(checkpoint_for(), [shirt()], top=0)
    with pytest.raises(PictureRefused, match="channels"):
        to_input(shirt(), (4, 28, 28))
    with pytest.raises(PictureRefused, match="uint8"):
        classify(checkpoint_for(), [torch.zeros(1, 28, 28)])
    with pytest.raises(PictureRefused, match=r"missing\.png"):
        classify(checkpoint_for(), ["missing.png"])
