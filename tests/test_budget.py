"""What the budget recipe makes of a network and a time, and how a run tells that others took the cores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from resnet_demo import device, evaluate, timing
from resnet_demo.budget import fitted
from resnet_demo.device import Compute, choose_compute
from resnet_demo.pace import Clock, Pace
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.runs.config import RunConfig, new_config
from resnet_demo.specs import find_model
from resnet_demo.state import Plan, TrainState, new_state
from resnet_demo.timing import fastest_compute, fewer_threads
from resnet_demo.train import update
from tests.test_train import toy

BUDGET = RECIPES["budget"]
MINUTE = Length(seconds=60)


def at(images_per_second: float | None) -> Compute:
    return Compute(images_per_second=images_per_second)


def test_a_usual_minute_keeps_what_the_recipe_says():
    recipe, why = fitted(BUDGET, MINUTE, 60_000, at(950))
    assert (recipe.batch_size, recipe.peak_lr, recipe.augment) == (128, 0.2, ("flip",))
    assert "batches of 128, rate 0.2, flip" in why and "60 s" in why


@pytest.mark.parametrize(("speed", "batch_size"), [(950, 128), (400, 64), (150, 32), (20, 32)])
def test_a_slow_network_takes_smaller_batches_at_a_lower_rate(speed, batch_size):
    recipe, _ = fitted(BUDGET, MINUTE, 60_000, at(speed))
    assert recipe.batch_size == batch_size
    assert recipe.peak_lr / recipe.batch_size == pytest.approx(BUDGET.peak_lr / BUDGET.batch_size)


def test_many_passes_take_crops_and_few_do_not():
    for name in ("budget", "speedrun"):
        assert fitted(RECIPES[name], Length(seconds=600), 60_000, at(950))[0].augment == ("crop", "flip")
        assert fitted(RECIPES[name], Length(seconds=180), 60_000, at(1500))[0].augment == ("flip",)


@pytest.mark.parametrize(
    ("recipe", "length"),
    [
        (replace(BUDGET, batch_size=96), MINUTE),
        (replace(BUDGET, augment=()), MINUTE),
        (RECIPES["plateau"], MINUTE),
        (BUDGET, Length(steps=10)),
    ],
)
def test_what_somebody_chose_stays(recipe, length):
    assert fitted(recipe, length, 60_000, at(20)) == (recipe, "")


def test_nothing_is_chosen_without_a_measurement():
    assert fitted(BUDGET, MINUTE, 60_000, at(None)) == (BUDGET, "")


def test_the_run_still_equals_another_request_for_the_same():
    config = new_config(find_model("resnet56"), "fashion-mnist", BUDGET, MINUTE)
    recipe, _ = fitted(config.recipe, config.length, 60_000, at(20))
    settled = config.settled(recipe, at(20).as_dict())
    again = RunConfig.from_dict(settled.as_dict())
    assert again == settled and again.recipe.batch_size == 32
    assert again.same_training(new_config(find_model("resnet56"), "fashion-mnist", BUDGET, MINUTE))


def test_one_thread_is_taken_where_two_are_slower(monkeypatch):
    spec = find_model("resnet20")
    monkeypatch.setattr(timing, "cpu_count", lambda: 2)
    monkeypatch.setattr(timing, "images_per_second", lambda *_, **__: [150.0, 400.0])
    chosen = fewer_threads(replace(choose_compute(spec), device="cpu", threads=2), spec, 128)
    assert (chosen.threads, chosen.images_per_second) == (1, 400.0)
    assert "one thread, 2.7 times as fast as 2" in chosen.reason


def test_all_threads_stay_where_one_is_no_faster(monkeypatch):
    spec = find_model("resnet20")
    monkeypatch.setattr(timing, "cpu_count", lambda: 2)
    monkeypatch.setattr(timing, "images_per_second", lambda *_, **__: [500.0, 300.0])
    chosen = fewer_threads(replace(choose_compute(spec), device="cpu", threads=2), spec, 128)
    assert (chosen.threads, chosen.images_per_second) == (2, 500.0)


def test_the_precision_is_the_one_that_was_measured_to_be_faster():
    spec = find_model("resnet9-slim")
    chosen = fastest_compute(spec, 8)
    assert chosen.images_per_second > 0
    other = "float32" if chosen.precision == "bf16" else "bf16"
    if timing.cpu_bf16() and chosen.device == "cpu":
        assert f"times as fast as {other}" in chosen.reason


def state_of(compute: Compute = Compute(), length: Length = MINUTE) -> TrainState:
    spec = find_model("resnet20").adapted(num_classes=3, in_channels=1)
    return new_state(Plan(spec, BUDGET, length, 0, "toy", compute), toy())


def paced(state: TrainState, seconds: list[float]) -> Pace:
    pace = Pace(state, Clock(0.0))
    pace.taken = seconds
    return pace


def test_a_run_that_others_slowed_says_what_was_to_be_had():
    slowed = [0.1] * 10 + [0.3] * 40
    assert paced(state_of(), slowed).unhindered() == pytest.approx(1280)
    assert paced(state_of(at(2560)), [0.1] * 50).unhindered() == pytest.approx(2560)  # slow from its first step on


def test_a_run_left_alone_says_nothing():
    assert paced(state_of(), [5.0, 1.0, 0.3] + [0.1] * 40 + [0.12] * 40).unhindered() is None
    assert paced(state_of(at(1200)), [0.1] * 50).unhindered() is None
    assert paced(state_of(), [0.1] * 3).unhindered() is None


class Waits(TorchDispatchMode):
    """Counts what makes a host wait for its device: values that are read, and copies from one to the other."""

    NAMES = ("aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero", "aten::masked_select")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name().split(".")[0]
        is_copy = name == "aten::_to_copy" and (kwargs or {}).get("device") is not None
        if name in self.NAMES or is_copy:
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("augment", [(), ("crop", "flip")])
def test_a_step_does_not_wait_for_the_device(augment):
    state = state_of(length=Length(steps=10))
    state.plan = replace(state.plan, recipe=replace(BUDGET, augment=augment, batch_size=8))
    state.model.train()
    update(state, 0.1)
    with Waits() as waits:
        update(state, 0.2)
    assert waits.seen == []


def test_the_count_sees_a_wait():
    with Waits() as waits:
        torch.ones(1).item()
    assert waits.seen == ["aten::_local_scalar_dense"]


def test_pictures_are_answered_on_the_processors_that_nobody_uses(monkeypatch):
    seen: list[int] = []
    monkeypatch.setattr(evaluate, "idle_cpus", lambda: 1)
    monkeypatch.setattr(evaluate, "logits", lambda *_, **__: seen.append(torch.get_num_threads()) or torch.zeros(1, 3))
    before = torch.get_num_threads()
    evaluate.probabilities(None, torch.zeros(1))
    assert seen == [1] and torch.get_num_threads() == before


@pytest.mark.parametrize(("running", "own", "idle"), [(1, 1, 2), (2, 1, 1), (9, 1, 1), (2, 2, 2), (3, 2, 1)])
def test_idle_processors_are_those_without_another_running_process(monkeypatch, tmp_path, running, own, idle):
    told = tmp_path / "loadavg"
    told.write_text(f"0.5 0.5 0.5 {running}/300 1234\n")
    monkeypatch.setattr(device, "Path", lambda _: told)
    monkeypatch.setattr(device, "cpu_count", lambda: 2)
    monkeypatch.setattr(device, "own_running", lambda: own)
    assert device.idle_cpus() == idle


def test_threads_of_ones_own_that_run_are_counted(monkeypatch, tmp_path):
    for number, state in enumerate("RSRD"):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "stat").write_text(f"{number} (a) R (b) {state} 1 2 3\n")
    (tmp_path / "ended").mkdir()
    monkeypatch.setattr(device, "Path", lambda _: tmp_path)
    assert device.own_running() == 2


def test_where_the_system_does_not_say_all_processors_count(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "Path", lambda _: tmp_path / "nothing")
    assert device.idle_cpus() == device.cpu_count()
