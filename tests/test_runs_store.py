"""Runs as folders: what is asked of one, how it is read while it is written, and what no id may reach."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_runs import TINY, tiny_config

from resnet_demo.errors import InvalidOption, LabError, RunRefused, UnknownModel, UnknownRun
from resnet_demo.events import RunStarted, Step
from resnet_demo.recipes import RECIPES, Length
from resnet_demo.runs.config import Owner, RunConfig, clean_title, is_run_id, new_config, new_id
from resnet_demo.runs.lock import hold, is_held
from resnet_demo.runs.status import Status, StatusFile
from resnet_demo.runs.store import Run, RunStore
from resnet_demo.specs import MODELS

STARTED = RunStarted("tiny", "fashion-mnist", "budget", 0, 128, 100, 10, 5, None)


def step(number: int, loss: float = 1.0) -> Step:
    return Step(number, number / 10, loss, 0.5, 0.1, seconds=number * 0.1)


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


class TestConfig:
    @pytest.mark.parametrize("model", ["resnet20", "resnet18-nopad", "resnet9", "plain56"])
    @pytest.mark.parametrize("recipe", RECIPES)
    def test_survives_json(self, model, recipe):
        config = new_config(
            MODELS[model], "fashion-mnist", RECIPES[recipe], Length(steps=5), owner=Owner("a", "Ada"), title="x"
        )
        assert RunConfig.from_dict(json.loads(json.dumps(config.as_dict()))) == config

    def test_names_become_objects(self):
        config = RunConfig.from_dict({"id": "a", "spec": "resnet20", "data": "mnist", "recipe": "d2l-96", "later": 1})
        assert config.spec is MODELS["resnet20"] and config.recipe is RECIPES["d2l-96"]
        assert config.length == RECIPES["d2l-96"].length
        with pytest.raises(UnknownModel):
            RunConfig.from_dict({"id": "a", "spec": "resnet21", "data": "mnist", "recipe": "budget"})

    @pytest.mark.parametrize(
        "values",
        [{}, {"id": "a"}, {"id": "../x", "spec": "resnet20", "data": "mnist", "recipe": "budget"}]
        + [
            {"id": "a", "spec": "resnet20", "data": "mnist", "recipe": "budget", "seed": seed}
            for seed in (-1, 2**40, "x")
        ]
        + [{"id": "a", "spec": "resnet20", "data": "mnist", "recipe": {"name": "x"}, "length": {"hours": 1}}],
    )
    def test_nonsense_is_a_sentence(self, values):
        with pytest.raises(LabError):
            RunConfig.from_dict(values)

    def test_options_replace_the_recipes(self):
        config = new_config(MODELS["resnet110"], "mnist", RECIPES["paper-cifar"], batch_size=64, lr=0.5)
        assert (config.recipe.batch_size, config.recipe.peak_lr, config.recipe.gentle_lr) == (64, 0.5, 0.01)
        with pytest.raises(InvalidOption, match="batch-size"):
            new_config(MODELS["resnet20"], "mnist", RECIPES["budget"], batch_size=1)

    def test_paths_become_absolute_and_are_not_shown(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        config = new_config(MODELS["resnet20"], "my pictures.zip", RECIPES["budget"])
        assert config.data == str(tmp_path / "my pictures.zip")
        assert config.data_name == "my pictures.zip"
        assert replace(config, data=r"C:\Users\ada\birds\\").data_name == "birds"

    def test_ids_are_folder_names(self):
        assert is_run_id(new_id("ResNet / 20: ..\\evil"))
        assert new_id("x") != new_id("x")
        for bad in ("", ".", "..", "a/b", "a\\b", "a..b", ".a", "a.", "A", "é", "a" * 81, "a\n", None, 3):
            assert not is_run_id(bad), bad

    def test_the_same_training_whoever_asks(self):
        one = new_config(TINY, "mnist", RECIPES["budget"], owner=Owner("a"))
        assert one.same_training(replace(one, id="b", owner=Owner("b"), title="mine"))
        assert not one.same_training(replace(one, seed=1))

    @given(st.text())
    def test_titles_are_one_line(self, text):
        title = clean_title(text)
        assert len(title) <= 80 and title.isprintable() and title == title.strip()


class TestStore:
    def test_created_found_and_listed_newest_first(self, store):
        runs = [store.create(replace(tiny_config("mnist"), created=f"2026-01-0{day}")) for day in (2, 3, 1)]
        assert [run.config.created for run in store.runs()] == ["2026-01-03", "2026-01-02", "2026-01-01"]
        assert store.get(runs[0].id) is runs[0]
        assert RunStore(store.root).get(runs[0].id).config == runs[0].config

    def test_a_taken_id_gives_another(self, store):
        config = tiny_config("mnist")
        one, other = store.create(config), store.create(config)
        assert one.id == config.id != other.id
        assert other.config.id == other.id

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "../x", "a/../../b", "/etc", "C:\\x", ".hidden", "nobody", "a\0b", None, 7, "a" * 200]
    )
    def test_no_id_leaves_the_folder(self, store, name):
        store.create(tiny_config("mnist"))
        with pytest.raises(UnknownRun):
            store.get(name)

    def test_a_copied_folder_is_a_run_of_its_own(self, store, tmp_path):
        import shutil

        run = store.create(tiny_config("mnist"))
        shutil.copytree(run.path, store.root / f"{run.id} (copy)")
        assert {found.id for found in store.runs()} == {run.id, f"{run.id} (copy)"}
        elsewhere = RunStore(tmp_path / "other")
        shutil.copytree(run.path, elsewhere.root / run.id)
        assert elsewhere.get(run.id).config == run.config

    def test_what_is_no_run_is_passed_over(self, store):
        run = store.create(tiny_config("mnist"))
        (store.root / "note.txt").write_text("hello")
        (store.root / "empty").mkdir()
        (store.root / "broken").mkdir()
        (store.root / "broken" / "config.json").write_text("{")
        assert store.runs() == [run]
        with pytest.raises(RunRefused, match=r"config\.json"):
            _ = store.get("broken").config

    def test_two_runs_do_not_share_a_folder(self, tmp_path):
        Run.create(tmp_path / "out", tiny_config("mnist"))
        with pytest.raises(RunRefused, match="already"):
            Run.create(tmp_path / "out", tiny_config("mnist"))

    def test_deleted_at_once_but_not_while_active(self, store):
        run = store.create(tiny_config("mnist"))
        run.set_status(Status("queued"))
        with pytest.raises(RunRefused, match="stop it first"):
            store.delete(run.id)
        run.set_status(Status("stopped"))
        store.delete(run.id)
        assert store.runs() == [] and list(store.root.iterdir()) == []
        with pytest.raises(UnknownRun):
            store.get(run.id)

    def test_a_summary_has_the_public_keys(self, store):
        run = store.create(tiny_config("mnist", owner=Owner("secret", "Ada")))
        run.set_status(Status("finished", best_accuracy=0.9))
        assert run.summary() == {
            "id": run.id, "status": "finished", "model": "tiny", "dataset": "mnist", "recipe": "budget", "owner": "Ada",
            "created": run.config.created, "best_accuracy": 0.9,
        }  # fmt: skip


class TestStatus:
    def test_survives_json_and_newer_labs(self, tmp_path):
        file = StatusFile(tmp_path / "status.json")
        written = file.write(
            Status("failed", "error", "A sentence.", {"kind": "X"}, 7, "resume", "testing", 0.5, 1, 0.9, 0.8)
        )
        assert StatusFile(file.path).read() == written
        values = json.loads(file.path.read_text())
        assert values["status"] == "failed"
        assert Status.from_dict({**values, "status": "levitating", "more": 1}).state == "interrupted"

    def test_a_damaged_one_is_interrupted_not_an_exception(self, tmp_path):
        file = StatusFile(tmp_path / "status.json")
        assert file.read().state == "interrupted"
        for text in ("", "{", "[]", "null", '{"status": 3}'):
            file.path.write_text(text)
            assert StatusFile(file.path).read().state == "interrupted"

    def test_running_without_a_process_is_interrupted(self, store):
        run = store.create(tiny_config("mnist"))
        run.set_status(Status("running", pid=os.getpid()))
        assert run.status().state == "interrupted"
        with run.held():
            assert run.status().state == "running"
        assert run.settle() and run.status().reason == "killed"
        assert not run.settle()

    def test_only_one_holds_a_run(self, store):
        run = store.create(tiny_config("mnist"))
        with run.held():
            assert run.is_held()
            with pytest.raises(RunRefused, match="another process"), Run(run.path).held():
                pass
        assert not run.is_held()

    def test_askers_do_not_keep_a_holder_out(self, tmp_path):
        path, stop = tmp_path / "lock", threading.Event()
        path.touch()

        def ask():
            while not stop.is_set():
                is_held(path)

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        try:
            for _ in range(20):
                with hold(path) as is_mine:
                    assert is_mine
        finally:
            stop.set()
