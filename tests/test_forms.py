from __future__ import annotations

import math

import pytest

from resnet_demo.errors import InvalidOption, UnknownDataset, UnknownModel, UnknownRecipe
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.ui.forms import SECONDS, TrainForm, whole


def test_the_defaults_are_a_minute_of_resnet20():
    config = TrainForm().config()
    assert (config.spec.name, config.data, config.recipe.name, config.seed) == (
        "resnet20",
        "fashion-mnist",
        "budget",
        0,
    )
    assert config.length == Length(seconds=60)


@pytest.mark.parametrize("key, seconds", SECONDS.items())
def test_seconds(key, seconds):
    assert TrainForm(length=key).config().length == Length(seconds=seconds)


def test_epochs_and_steps_have_no_clock():
    assert TrainForm(length="epochs", amount=1.5).config().length == Length(epochs=1.5)
    assert TrainForm(length="steps", amount=500.0).config().length == Length(steps=500)


def test_what_is_left_empty_is_the_recipe_s_own():
    recipe = TrainForm(recipe="adam-96", lr=None, batch_size=None, augment=None).config().recipe
    own = RECIPES["adam-96"]
    assert (recipe.peak_lr, recipe.batch_size, recipe.augment) == (own.peak_lr, own.batch_size, own.augment)


def test_what_is_filled_in_replaces_it():
    form = TrainForm(recipe="adam-96", lr=0.02, batch_size=32.0, augment=["crop"], seed=7.0)
    config = form.config()
    recipe = config.recipe
    assert (recipe.peak_lr, recipe.batch_size, recipe.augment, config.seed) == (0.02, 32, ("crop",), 7)


@pytest.mark.parametrize("wrong, error", [
    ({"model": "resnet21"}, UnknownModel),
    ({"dataset": "../secret"}, UnknownDataset),
    ({"recipe": ""}, UnknownRecipe),
    ({"length": "forever"}, InvalidOption),
    ({"length": "epochs", "amount": None}, InvalidOption),
    ({"length": "epochs", "amount": -1}, InvalidOption),
    ({"length": "steps", "amount": 1.5}, InvalidOption),
    ({"length": "steps", "amount": 0}, InvalidOption),
    ({"lr": 0}, InvalidOption),
    ({"batch_size": 1}, InvalidOption),
    ({"batch_size": 64.5}, InvalidOption),
    ({"augment": ["mixup"]}, InvalidOption),
    ({"seed": -1}, InvalidOption),
    ({"seed": 2**40}, InvalidOption),
])  # fmt: skip
def test_what_cannot_be_is_refused(wrong, error):
    with pytest.raises(error):
        TrainForm(**wrong).config()


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "3", None, 2.5])
def test_whole_numbers_only(value):
    with pytest.raises(InvalidOption):
        whole(value, "seed")
