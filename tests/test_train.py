"""The trainer by what it emits: event lists are values, so equality of lists is equality of runs."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from resnet_demo.device import Compute
from resnet_demo.events import CheckpointDue, History, RunFinished, RunResumed, RunStarted, Step, Validation
from resnet_demo.imagesets import Dataset, ImageSet
from resnet_demo.recipes import RECIPES, Length, Recipe, find_recipe, for_depth
from resnet_demo.specs import find_model
from resnet_demo.state import Plan, batch_sizes, new_state
from resnet_demo.train import train

CLASSES = ("light", "dark", "left")
FLOAT32 = Compute("cpu", "float32", threads=1)


def toy(images: int = 300, side: int = 12) -> Dataset:
    """Three classes that can be told apart by where the picture is bright."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(images) % 3
    pictures = torch.randint(0, 90, (images, 1, side, side), generator=generator, dtype=torch.uint8)
    pictures[labels == 0] += 150
    pictures[labels == 2, :, :, : side // 2] += 150
    half = ImageSet(pictures, labels, CLASSES)
    return Dataset("toy", "Toy", half, half)


def plan(length: Length, recipe: str | Recipe = "budget", model: str = "resnet20", seed: int = 0) -> Plan:
    recipe = replace(find_recipe(recipe) if isinstance(recipe, str) else recipe, batch_size=32)
    spec = find_model(model).adapted(num_classes=3, in_channels=1)
    return Plan(spec, recipe, length, seed, "toy", FLOAT32)


def events_of(chosen: Plan, **options):
    return list(train(new_state(chosen, toy()), **options))


def losses(events) -> list[float]:
    return [event.loss for event in events if isinstance(event, Step)]


def test_the_same_seed_gives_the_same_events_and_another_seed_others():
    first, again = events_of(plan(Length(steps=12))), events_of(plan(Length(steps=12)))
    assert first == again
    assert losses(first) != losses(events_of(plan(Length(steps=12), seed=1)))


def test_a_run_starts_steps_validates_saves_and_finishes_in_that_order():
    events = events_of(plan(Length(epochs=2)))
    assert isinstance(events[0], RunStarted) and isinstance(events[-1], RunFinished)
    assert events[0].total_steps == 18 == sum(isinstance(event, Step) for event in events)
    assert [event.step for event in events if isinstance(event, Step)] == list(range(1, 19))
    assert [event.epoch for event in events if event.event == "epoch"] == [1, 2]
    assert events[-1].stop_reason == "completed"
    for before, after in pairwise(events):
        if isinstance(after, CheckpointDue):
            assert isinstance(before, Validation) and before.step == after.step
    assert isinstance(events[-2], CheckpointDue) and events[-2].step == 18


def test_it_learns():
    history = History.of(events_of(plan(Length(epochs=6))))
    assert history.steps[-1].loss < 0.5 * history.steps[0].loss
    assert history.best.accuracy > 0.9


def test_the_learning_rate_is_one_cycle_over_the_steps_asked_for():
    rates = [event.lr for event in events_of(plan(Length(steps=20))) if isinstance(event, Step)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.2) and 2 <= peak <= 6
    assert rates[:peak] == sorted(rates[:peak]) and rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 0.01


def test_gradient_mode_is_normal_at_every_yield():
    for _ in train(new_state(plan(Length(steps=6)), toy())):
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        assert not torch.is_autocast_enabled("cpu")


def test_closing_it_early_leaves_a_state_that_goes_on():
    state = new_state(plan(Length(steps=12)), toy())
    events = train(state)
    for event in events:
        if isinstance(event, Step) and event.step == 5:
            break
    events.close()
    assert state.step == 5
    rest = list(train(state))
    assert isinstance(rest[0], RunResumed) and rest[-1].step == 12


@pytest.mark.parametrize("recipe", ["budget", "adam-96", "plateau", "paper-cifar"])
@pytest.mark.parametrize("stop_at", [1, 9, 13])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(recipe, stop_at):
    chosen = plan(Length(steps=20), replace(find_recipe(recipe), resize=None))
    whole_state = new_state(chosen, toy())
    whole = list(train(whole_state))

    state, kept = new_state(chosen, toy()), []
    for event in train(state):
        kept.append(event)
        if isinstance(event, CheckpointDue) and event.step >= stop_at:
            break
    tensors, scalars = state.capture()
    fresh = new_state(replace(chosen, seed=99), toy())
    fresh.restore({name: value.clone() for name, value in tensors.items()}, scalars)
    rest = [event for event in train(fresh) if not isinstance(event, RunResumed)]
    assert kept + rest == whole
    for name, value in whole_state.model.state_dict().items():
        assert torch.equal(value, fresh.model.state_dict()[name]), name


def test_a_stop_ends_after_the_step_in_hand_and_saves():
    seen = []
    events = []
    for event in train(new_state(plan(Length(epochs=50)), toy()), should_stop=lambda: len(seen) >= 7):
        events.append(event)
        if isinstance(event, Step):
            seen.append(event)
    assert events[-1].stop_reason == "stopped" and events[-1].step == 8
    assert isinstance(events[-2], CheckpointDue) and events[-2].step == 8


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence_and_nothing_bad_is_saved():
    state = new_state(plan(Length(epochs=80)), toy())
    saved = {}
    for event in train(state):
        if isinstance(event, CheckpointDue):
            saved = {name: value.clone() for name, value in state.model.state_dict().items()}
        if isinstance(event, Step) and event.step == 12:
            state.model.fc.weight.data[0, 0] = math.nan
    assert event.stop_reason == "diverged" and event.step == 13
    assert "diverged at step 13" in event.message and "smaller learning rate" in event.message
    assert saved and all(value.isfinite().all() for value in saved.values())


def test_weights_that_explode_are_not_saved_although_every_loss_so_far_was_a_number():
    wild = replace(find_recipe("budget"), peak_lr=100.0, warmup=0.0)
    state = new_state(plan(Length(epochs=80), wild), toy())
    saved = []
    for event in train(state):
        if isinstance(event, CheckpointDue):
            saved.append(all(value.isfinite().all() for value in state.model.state_dict().values()))
    assert event.stop_reason == "diverged" and all(saved)


def test_a_run_measured_in_seconds_ends_in_time_and_annealed():
    events = events_of(plan(Length(seconds=3)))
    finished = events[-1]
    steps = [event for event in events if isinstance(event, Step)]
    slowest = max(32 / step.images_per_second for step in steps)  # a busy machine may hold up one step, not the run
    assert finished.stop_reason == "time" and 2.5 < finished.seconds < 3.3 + 2 * slowest
    assert steps[-1].lr < 0.05 * max(step.lr for step in steps)
    assert events[0].total_steps is None and events[0].budget_seconds == 3


def test_the_plateau_recipe_halves_the_rate_at_the_sixth_epoch_without_progress():
    state = new_state(plan(Length(epochs=9), "plateau"), toy())
    rates = []
    for _ in range(13):
        state.plateau.step(1.0)
        rates.append(state.optimizer.param_groups[0]["lr"])
    assert rates == [0.1] * 6 + [0.05] * 6 + [0.025]


def test_the_plateau_recipe_follows_the_training_loss_of_whole_epochs(monkeypatch):
    seen = []
    state = new_state(plan(Length(epochs=3), "plateau"), toy())
    monkeypatch.setattr(state.plateau, "step", seen.append)
    epochs = [event.loss for event in train(state) if event.event == "epoch"]
    assert seen == epochs and len(seen) == 3


def test_the_paper_recipe_divides_the_rate_at_half_and_three_quarters_and_starts_resnet110_gently():
    recipe = find_recipe("paper-cifar")
    assert [recipe.lr_factor(step / 64_000) for step in (0, 31_999, 32_000, 47_999, 48_000)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01]
    )
    assert for_depth(recipe, 110).gentle_lr == 0.01 and for_depth(recipe, 56).gentle_lr is None
    gentle = replace(for_depth(recipe, 110))
    rates = [event.lr for event in events_of(plan(Length(steps=30), gentle)) if isinstance(event, Step)]
    warmed = next(index for index, rate in enumerate(rates) if rate != 0.01)
    assert 1 <= warmed < 15 and rates[warmed] == 0.1


def test_one_cycle_is_a_linear_rise_and_a_cosine_fall():
    recipe = RECIPES["budget"]
    assert recipe.lr_factor(0) == pytest.approx(0.1) and recipe.lr_factor(recipe.warmup) == pytest.approx(1)
    middle = recipe.warmup + (1 - recipe.warmup) / 2
    assert recipe.lr_factor(middle) == pytest.approx(0.5) and recipe.lr_factor(1) == pytest.approx(0)


@pytest.mark.parametrize(("images", "sizes"), [(64, [32, 32]), (65, [32, 32]), (66, [32, 32, 2]), (5, [5]), (1, [])])
def test_a_last_batch_of_one_picture_is_left_out(images, sizes):
    assert batch_sizes(images, 32) == sizes


def test_notebook_recipes_are_what_their_table_says():
    rows = {
        "d2l-224": ("sgd", 0.05, 0.0, 0.0, 256, 224, "unit", "xavier"),
        "d2l-96": ("sgd", 0.05, 0.0, 0.0, 256, 96, "unit", "xavier"),
        "adam-96": ("adam", 0.01, 0.0, 0.0, 64, 96, "half", "he"),
        "plateau": ("sgd", 0.1, 0.9, 5e-4, 128, None, "half", "he"),
        "paper-cifar": ("sgd", 0.1, 0.9, 1e-4, 128, None, "pixel_mean", "he"),
    }
    for name, row in rows.items():
        r = RECIPES[name]
        found = (r.optimizer, r.peak_lr, r.momentum, r.weight_decay, r.batch_size, r.resize, r.normalisation)
        assert (*found, r.initialisation) == row
    assert (RECIPES["plateau"].patience, RECIPES["plateau"].decay, RECIPES["plateau"].lowest_lr) == (5, 0.5, 1e-6)
    assert RECIPES["paper-cifar"].length == Length(steps=64_000) and RECIPES["adam-96"].length == Length(epochs=20)


def test_losses_are_read_late_on_a_device_and_the_events_stay_the_same(monkeypatch):
    from resnet_demo import train as module

    at_once = events_of(plan(Length(steps=12)))
    original = module.Unread.__init__

    def far_away(self, state):
        original(self, state)
        self.is_local = False

    monkeypatch.setattr(module.Unread, "__init__", far_away)
    monkeypatch.setattr(module, "READ_EVERY_SECONDS", math.inf)
    assert events_of(plan(Length(steps=12))) == at_once
