"""A run from its folder to its end: what is written, what is yielded, and that interrupting it changes nothing."""

from __future__ import annotations

import errno
import itertools
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from tiny_runs import TINY, comparable, make_pictures, tiny_config

from resnet_demo.checkpoint import open_checkpoint, read_card
from resnet_demo.datasets import load_data
from resnet_demo.errors import DiskFull, OutOfMemory, RunRefused
from resnet_demo.evaluate import evaluate
from resnet_demo.events import CheckpointDue, RunFinished, RunResumed, RunStarted, Step
from resnet_demo.recipes import Length
from resnet_demo.runs import execute as module
from resnet_demo.runs.execute import execute, execute_test
from resnet_demo.runs.explain import explain
from resnet_demo.runs.store import Run
from resnet_demo.specs import MODELS


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return make_pictures(tmp_path_factory.mktemp("data") / "pictures.zip")


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))


@pytest.fixture
def create(tmp_path, pictures):
    numbers = itertools.count()
    return lambda **changes: Run.create(tmp_path / f"run{next(numbers)}", tiny_config(pictures, **changes))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, pictures):
    """An uninterrupted run: its events and its final weights."""
    run = Run.create(tmp_path_factory.mktemp("whole") / "run", tiny_config(pictures))
    return list(execute(run)), run


def weights(run: Run):
    return {name: load_file(run.path / f"{name}.safetensors") for name in ("best", "last", "resume")}


def assert_equal_weights(one: Run, other: Run) -> None:
    for name, tensors in weights(one).items():
        assert tensors.keys() == (others := load_file(other.path / f"{name}.safetensors")).keys()
        assert all(torch.equal(value, others[key]) for key, value in tensors.items()), name


def test_a_finished_run_is_tested_once_and_tells_the_file(whole):
    events, run = whole
    finished = events[-1]
    assert isinstance(events[0], RunStarted) and isinstance(finished, RunFinished)
    assert (finished.stop_reason, finished.step) == ("steps", 60)
    assert finished.checkpoint == str(run.best_path)
    assert [event for event in events if isinstance(event, RunFinished)] == [finished]
    assert run.status().state == "finished"
    assert run.status().test_accuracy == finished.test_accuracy


def test_evaluating_the_checkpoint_gives_the_same_accuracy(whole, pictures):
    events, run = whole
    checkpoint = open_checkpoint(run.path)
    assert evaluate(checkpoint, load_data(pictures, side=8).test).accuracy == events[-1].test_accuracy
    assert checkpoint.card["test"]["n"] == 20
    assert checkpoint.card["validation_accuracy"] == events[-1].validation_accuracy


def test_the_card_tells_what_the_weights_are(whole):
    card = read_card(whole[1].best_path)
    assert (card["model"], card["classes"], card["shape"]) == ("tiny", ["blue", "red"], [3, 8, 8])
    assert card["seed"] == 3 and card["recipe"]["batch_size"] == 16 and "torch" in card["versions"]


def test_every_event_is_in_the_log_before_it_is_yielded(create):
    run = create()
    for count, event in enumerate(execute(run), start=1):
        assert list(run.events())[-1] == event
        assert len(list(run.events())) == count


def test_the_log_holds_what_was_yielded(whole):
    events, run = whole
    assert list(run.events()) == events
    assert run.history().finished == events[-1]


def test_weights_are_there_from_the_first_step(create):
    run = create()
    with_weights = [event for event in itertools.islice(execute(run), 4) if isinstance(event, CheckpointDue)]
    assert with_weights and run.best_path.is_file() and run.last_path.is_file() and run.resume_path.is_file()


def test_the_config_is_there_before_the_data_and_gets_the_device(create):
    run = create()
    run.write_config(replace(run.config, compute=None, data="/nowhere/at-all.zip"))
    *_, finished = execute(run)
    assert finished.stop_reason == "error" and "at-all.zip" in finished.message
    run = create()
    run.write_config(replace(run.config, compute=None))
    next(execute(run))
    assert json.loads((run.path / "config.json").read_text())["compute"]["device"] in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("events_before", [1, 2, 4, 9, 15, 27, 40])
def test_closed_anywhere_and_resumed_it_is_the_same_run(create, whole, events_before):
    run = create()
    generator = execute(run)
    shown = list(itertools.islice(generator, events_before))
    generator.close()
    assert not run.is_held()
    assert run.status().state == "interrupted"
    rest = list(execute(run, resume=True))
    assert list(run.events())[: len(shown)] == shown
    assert comparable(run.events()) == whole[0]
    assert comparable([*shown, *rest]) == whole[0]
    assert_equal_weights(run, whole[1])


def test_interrupted_again_and_again(create, whole):
    run = create()
    for index in range(40):
        generator = execute(run, resume=index > 0)
        list(itertools.islice(generator, 5 + index % 4))
        generator.close()
        if run.status().state == "finished":
            break
    assert run.status().state == "finished"
    assert comparable(run.events()) == whole[0]
    assert_equal_weights(run, whole[1])


def test_a_torn_last_line_is_cut(create, whole):
    run = create()
    generator = execute(run)
    list(itertools.islice(generator, 8))
    generator.close()
    with run.log.path.open("ab") as file:
        file.write(b'{"event": "step", "step": 6, "lo')
    list(execute(run, resume=True))
    assert comparable(run.events()) == whole[0]


@pytest.mark.parametrize("steps", [1, 5, 6, 13, 21])
def test_stopped_and_resumed_it_is_the_same_run(create, whole, steps):
    run = create()
    *_, finished = execute(run, should_stop=lambda: run.history().step >= steps)
    assert (finished.stop_reason, finished.test_accuracy) == ("stopped", None)
    assert run.status().state == "stopped" and run.last_path.is_file()
    list(execute(run, resume=True))
    assert without_checkpoints(comparable(run.events())) == without_checkpoints(whole[0])
    assert_equal_weights(run, whole[1])


def without_checkpoints(events):
    return [event for event in events if not isinstance(event, CheckpointDue)]


def test_a_stop_asked_for_in_the_folder_is_obeyed_and_forgotten(create):
    run = create(length=Length(steps=500))
    for event in execute(run):
        if isinstance(event, Step) and event.step == 3:
            run.request_stop()
    assert event.stop_reason == "stopped" and event.step <= 5
    assert not run.is_stopping


def test_a_stopped_run_is_tested_when_asked_and_only_once(create):
    run = create(length=Length(steps=500))
    list(execute(run, should_stop=lambda: run.history().step >= 3))
    (finished,) = execute_test(run)
    assert finished.stop_reason == "stopped" and 0 <= finished.test_accuracy <= 1
    assert run.history().finished == finished
    assert read_card(run.best_path)["test"]["accuracy"] == run.status().test_accuracy == finished.test_accuracy
    with pytest.raises(RunRefused, match="test was made"):
        list(execute_test(run))
    with pytest.raises(RunRefused, match="test was made"):
        list(execute(run, resume=True))


def test_a_stop_during_the_test_leaves_it_out(create, monkeypatch):
    run = create()
    monkeypatch.setattr(module, "on_device", lambda checkpoint: run.request_stop() or checkpoint)
    *_, finished = execute(run)
    assert (finished.stop_reason, finished.test_accuracy) == ("steps", None)


def test_a_timed_run_goes_on_with_the_time_it_had_left(create):
    run = create(length=Length(seconds=1.5))
    *_, event = execute(run, should_stop=lambda: run.history().seconds >= 0.5)
    assert event.stop_reason == "stopped" and event.seconds < 1.3
    *_, event = execute(run, resume=True)
    assert event.stop_reason == "time" and event.seconds <= 1.5 * 1.1
    steps = [event.step for event in run.events() if isinstance(event, Step)]
    assert steps == sorted(set(steps))
    assert sum(isinstance(event, RunResumed) for event in run.events()) == 1


def test_more_time_is_a_new_run_from_the_weights_of_its_parent(tmp_path, pictures, whole):
    parent = whole[1]
    child = Run.create(
        parent.path.parent / "child", tiny_config(pictures, parent=parent.id, lr=1e-9, length=Length(steps=1))
    )
    list(execute(child))
    after, before = open_checkpoint(child.last_path).model, open_checkpoint(parent.last_path).model
    assert torch.allclose(after.conv1.weight, before.conv1.weight, atol=1e-6)


def test_it_cannot_begin_twice_or_be_trained_by_two(create, whole):
    with pytest.raises(RunRefused, match="begun before"):
        next(execute(whole[1]))
    run = create()
    generator = execute(run)
    next(generator)
    with pytest.raises(RunRefused, match="another process"):
        next(execute(Run(run.path), resume=True))
    generator.close()


def test_nan_ends_as_diverged_with_the_last_good_weights(create):
    run = create(lr=100.0, length=Length(steps=300))
    config = run.config
    run.write_config(
        replace(config, recipe=replace(config.recipe, schedule="constant", momentum=0.99, weight_decay=1.0))
    )
    *_, finished = execute(run)
    assert finished.stop_reason == "diverged" and "smaller learning rate" in finished.message
    assert run.status().state == "failed" and run.status().message == finished.message
    assert open_checkpoint(run.path)
    assert "diverged" in run.why_not_resume() or "smaller" in run.why_not_resume()


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out_of_memory", "batch of 8"),
        (torch.OutOfMemoryError("CUDA out of memory"), "out_of_memory", "batch of 8"),
        (OSError(errno.ENOSPC, "No space left on device"), "error", "no room left"),
        (ValueError("what is this"), "error", "did not foresee"),
    ],
)
def test_every_failure_is_a_sentence(create, monkeypatch, error, reason, words):
    run = create()

    def fail_after_two(state, should_stop):
        yield Step(1, 0.1, 1.0, 0.5, 0.1)
        raise error

    monkeypatch.setattr(module, "train", fail_after_two)
    *_, finished = execute(run)
    assert finished.stop_reason == reason and words in finished.message
    status = run.status()
    assert (status.state, status.reason, status.message) == ("failed", reason, finished.message)
    assert status.error["kind"] in ("OutOfMemory", "DiskFull", "Unexpected")
    assert type(error).__name__ in run.log_path.read_text()
    assert run.history().finished == finished


def test_a_failed_run_starts_again_and_is_the_same_run(create, whole, monkeypatch):
    run = create()
    with monkeypatch.context() as patch:
        patch.setattr(
            module, "keep", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device"))
        )
        *_, finished = execute(run)
    assert "no room left" in finished.message
    list(execute(run, resume=True))
    assert comparable(run.events()) == whole[0]


def test_explain_halves_the_batch(tmp_path):
    sentence, reason = explain(MemoryError(), batch_size=3, path="x")
    assert isinstance(sentence, OutOfMemory) and sentence.fields["half"] == 2 and reason == "out_of_memory"
    assert isinstance(explain(DiskFull(path="y"), batch_size=3, path="x")[0], DiskFull)


def test_a_network_too_large_for_the_pictures_sees_them_larger(create):
    run = create(spec=MODELS["resnet18-nopad"], length=Length(steps=1))
    config = run.config
    run.write_config(replace(config, recipe=replace(config.recipe, resize=None, batch_size=4)))
    plan = module.make_plan(run.config, load_data(run.config.data, side=32))
    assert plan.recipe.resize == 96 and plan.spec.input == (3, 32, 32) and plan.spec.num_classes == 2
    assert module.make_plan(replace(run.config, spec=TINY), load_data(run.config.data, side=32)).recipe.resize is None
