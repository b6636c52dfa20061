"""A lab's limits, a lesson's turns, and a run to take along."""

from __future__ import annotations

import csv
import io
import shlex
from dataclasses import replace

import pytest
from tiny_runs import tiny_config

from app import classroom, parse_arguments
from resnet_demo.cli import build_parser
from resnet_demo.events import Epoch, RunStarted, Step, Validation
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.runs.classroom import Classroom, is_same_secret
from resnet_demo.runs.config import Owner, more_of, new_config
from resnet_demo.runs.eventlog import EventWriter
from resnet_demo.runs.export import command_line, differences, metrics_csv, options, python_code
from resnet_demo.runs.store import RunStore
from resnet_demo.specs import MODELS
from resnet_demo.verbs import run_config


class TestTurns:
    @pytest.mark.parametrize(
        ("people", "minutes", "slots", "longest"),
        [(40, 20, 1, 20), (40, 45, 1, 55), (40, 20, 2, 50), (10, 20, 1, 110), (1, 45, 1, 2690), (40, 10, 1, 10)],
    )
    def test_the_longest_run_with_which_everyone_gets_one(self, people, minutes, slots, longest):
        room = Classroom(people, minutes, slots)
        assert room.limits.longest_seconds == longest and room.limits.per_person == 1 and room.joins
        assert room.everyone_gets_a_turn == (room.turns >= people)

    def test_a_lesson_too_short_for_all_says_so(self):
        assert not Classroom(40, 10).everyone_gets_a_turn and Classroom(40, 10).turns == 30

    def test_alone_everything_is_allowed(self):
        assert (Classroom().limits.per_person, Classroom().limits.longest_seconds) == (None, None)
        assert not Classroom().joins and Classroom(is_shared=True).limits.per_person == 1
        assert Classroom(is_public=True).limits.longest_seconds == 1800

    def test_no_secret_equals_nothing(self):
        assert is_same_secret("chälk", "chälk")
        for said, secret in ((None, None), ("", ""), ("x", None), (None, "x"), ("x", "y")):
            assert not is_same_secret(said, secret)
        assert "chalk" not in repr(Classroom(teacher_token="chalk"))


class TestArguments:
    def test_a_lesson(self, capsys, monkeypatch):
        monkeypatch.delenv("RESNET_DEMO_TEACHER_TOKEN", raising=False)
        room = classroom(parse_arguments(["--class", "40", "--minutes", "20"]))
        assert (room.people, room.minutes, room.is_public) == (40, 20.0, False)
        assert room.teacher_token in capsys.readouterr().out

    def test_no_lesson(self, monkeypatch):
        for name in ("RESNET_DEMO_TEACHER_TOKEN", "GRADIO_SERVER_NAME", "SPACE_ID", "GRADIO_SHARE"):
            monkeypatch.delenv(name, raising=False)
        assert classroom(parse_arguments([])) == Classroom()
        assert classroom(parse_arguments(["--host", "0.0.0.0"])).is_shared
        assert classroom(parse_arguments(["--teacher-token", "T"])).is_teacher("T")

    @pytest.mark.parametrize("words", ["--class 0", "--class 40 --minutes 0", "--minutes 20", "--class many"])
    def test_nonsense_is_refused(self, words, capsys):
        with pytest.raises(SystemExit):
            parse_arguments(words.split())
        assert "error:" in capsys.readouterr().err


CONFIGS = [
    run_config(),
    run_config("resnet56", "mnist", "paper-cifar", max_steps=500, seed=7),
    run_config("plain20", "cifar10", "budget", epochs=1.5, batch_size=64, lr=0.05, augment=["crop", "flip"]),
    run_config("resnet110", "mnist", "paper-cifar", augment=[]),
]


class TestTakingAlong:
    @pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.spec.name)
    def test_the_command_line_asks_for_the_same_training(self, config):
        words = shlex.split(command_line(config))
        assert words[:4] == ["python", "-m", "resnet_demo", "train"]
        args = build_parser().parse_args(words[3:])
        again = run_config(
            args.model, args.dataset, args.recipe, seconds=args.seconds, epochs=args.epochs, max_steps=args.max_steps,
            batch_size=args.batch_size, lr=args.lr, seed=args.seed, augment=args.augment,
        )  # fmt: skip
        assert again.same_training(config)

    @pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.spec.name)
    def test_so_does_the_script(self, config):
        code = python_code(config)
        compile(code, "run.py", "exec")
        call = next(line for line in code.splitlines() if line.startswith("config ="))
        names = {"run_config": run_config}
        exec(call, names)
        assert names["config"].same_training(config)

    def test_several_processes(self):
        on_four = command_line(replace(CONFIGS[0], gpus=4))
        assert on_four.startswith("torchrun --nproc-per-node 4 -m resnet_demo train --model")

    def test_other_peoples_paths_are_not_shown(self, tmp_path):
        config = new_config(MODELS["resnet20"], str(tmp_path / "my; birds.zip"), RECIPES["budget"])
        assert options(config)["data"] == "my; birds.zip"
        assert str(tmp_path) not in command_line(config) + python_code(config)
        assert "'my; birds.zip'" in command_line(config)

    def test_every_step_is_in_the_csv(self, tmp_path):
        run = RunStore(tmp_path).create(tiny_config("mnist"))
        writer = EventWriter(run.log.path)
        writer.add(RunStarted("tiny", "mnist", "budget", 0, 16, 100, 10, 5, None))
        for step in range(1, 4):
            writer.add(Step(step, step / 10, 1 / step, 0.5, 0.1, step * 0.1, 99.5))
        writer.add(Validation(3, 0.3, float("nan"), 0.5, 10, 0.4))
        writer.add(Epoch(1, 3, 0.5, 0.5, 0.4))
        writer.close()
        rows = list(csv.DictReader(io.StringIO(metrics_csv(run.events()))))
        assert [row["event"] for row in rows] == ["step", "step", "step", "validation", "epoch"]
        assert rows[1] == {
            "event": "step", "step": "2", "epoch": "0.2", "seconds": "0.2", "loss": "0.5", "accuracy": "0.5",
            "lr": "0.1", "images_per_second": "99.5", "images": "",
        }  # fmt: skip
        assert (rows[3]["images"], rows[3]["loss"]) == ("10", "nan")

    def test_differences(self):
        one, other = CONFIGS[0], replace(CONFIGS[0], seed=4, length=Length(steps=9))
        assert differences([one, other]) == {"seconds": [60, None], "steps": [None, 9], "seed": [0, 4]}
        assert differences([one, one]) == differences([one]) == differences([]) == {}

    def test_more_time_is_a_new_run_with_a_parent(self):
        more = more_of(CONFIGS[0], "earlier", Length(seconds=30), Owner("b", "Bob"))
        assert (more.parent, more.length.seconds, more.owner.name) == ("earlier", 30, "Bob")
        assert more.id != CONFIGS[0].id and "--parent earlier" in command_line(more)


def test_one_slot_for_each_card(monkeypatch):
    import torch

    from resnet_demo.device import cards

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert cards() == ("0", "1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-4f")
    assert cards() == ("3", "GPU-4f")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert cards() == ("",)


@pytest.mark.slow
def test_half_a_minute_of_a_lesson(tmp_path):
    """Forty visitors at once. How quick it is, is measured by hand: here neighbours may be busy."""
    pytest.importorskip("psutil")
    from benchmarks.classroom import measure

    _, result, notes = measure(40, 30, seed=1, home=tmp_path, compares_speed=False)
    assert not notes.errors, notes.errors[:5]
    assert (result["lost"], result["failed"], result["stopped_by_others"]) == (0, 0, 0)
    assert result["reads"] > 200 and result["runs"] > 5
