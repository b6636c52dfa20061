"""The command line as a user meets it: JSON on stdout, one sentence on stderr, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.cli import main
from resnet_demo.specs import MODELS

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run(tmp_path):
    """Calls the command line with a home of its own."""

    def call(*args, check: bool = True) -> subprocess.CompletedProcess:
        done = subprocess.run(
            [sys.executable, "-m", "resnet_demo", *map(str, args)], cwd=ROOT, capture_output=True, text=True,
            env={**os.environ, "RESNET_DEMO_HOME": str(tmp_path / "home")}, timeout=300,
        )  # fmt: skip
        if check:
            assert done.returncode == 0, done.stderr
        return done

    return call


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Bright and dark pictures of mixed size in class folders: 60 a class."""
    root = tmp_path_factory.mktemp("pictures")
    for name, base in (("bright", 200), ("dark", 20)):
        (root / name).mkdir()
        for index in range(60):
            side = 20 + index % 7
            Image.new("RGB", (side, side + 3), (base, base + index % 40, base)).save(root / name / f"{index}.png")
    return root


def as_json(done: subprocess.CompletedProcess):
    return json.loads(done.stdout)


def test_models_lists_every_network_with_the_papers_numbers(run):
    rows = {row["name"]: row for row in as_json(run("models", "--json"))}
    assert list(rows) == list(MODELS)
    assert rows["resnet20"]["params"] == 269_722 and rows["resnet50"]["macs"] == 4_089_184_256
    assert set(rows["resnet20"]) == {
        "name", "depth", "family", "block", "shortcut", "params", "macs", "input", "num_classes", "source",
    }  # fmt: skip


def test_layers_gives_rows_and_totals(run):
    table = as_json(run("layers", "resnet18-cifar", "--json"))
    assert table["total_params"] == 11_173_962 and table["input"] == [3, 32, 32]
    assert set(table["rows"][0]) == {"name", "type", "output_shape", "params", "macs"}
    wider = as_json(run("layers", "resnet20", "--input", "1,28,28", "--classes", "7", "--json"))
    assert wider["input"] == [1, 28, 28] and wider["rows"][-1]["output_shape"] == [7]


def test_datasets_say_where_they_are(run):
    rows = {row["name"]: row for row in as_json(run("datasets", "--json"))}
    assert rows["fashion-mnist-small"]["available"] and rows["fashion-mnist-small"]["train"] == 12_000
    assert rows["cifar10"]["shape"] == [3, 32, 32] and not rows["cifar10"]["available"]


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (["layers", "resnet21"], "There is no model called “resnet21”"),
        (["layers", "resnet18-nopad", "--input", "3,32,32"], "the smallest picture it can take is"),
        (["layers", "resnet20", "--input", "3,32"], "input cannot be “3,32”"),
        (["train", "--model", "vgg16"], "There is no model called"),
        (["train", "--dataset", "imagenet"], "There is no data set called"),
        (["train", "--recipe", "magic"], "There is no recipe called"),
        (["train", "--seconds", "0"], "seconds cannot be 0"),
        (["train", "--seconds", "nan"], "seconds cannot be nan"),
        (["train", "--batch-size", "1"], "batch-size cannot be 1"),
        (["train", "--lr", "-1"], "lr cannot be -1"),
        (["train", "--seed", "-1"], "seed cannot be -1"),
        (["train", "--data", "no/such/folder"], "there is no such file or folder"),
        (["train", "--resume", "no/such/run"], "There is no run in no/such/run"),
        (["train", "--seconds", "soon"], "invalid float value"),
        (["evaluate", "nothing"], "There is no checkpoint “nothing”"),
        (["classify", "no.png", "--checkpoint", "resnet20-fashion-mnist"], "no.png"),
        (["classify", "README.md", "--checkpoint", "resnet20-fashion-mnist"], "README.md"),
        (["classify", "README.md", "--checkpoint", "README.md"], "README.md cannot be used as a checkpoint"),
        (["dance"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_a_bad_request_is_one_sentence_and_exit_code_2(args, sentence, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))
    try:
        code = main(args)
    except SystemExit as ended:
        code = ended.code
    out, err = capsys.readouterr()
    assert code == 2 and sentence in err
    assert out == "" and len(err.strip().split("\n")) == 1 and "Traceback" not in err


@pytest.mark.slow
def test_the_exit_code_and_the_sentence_reach_the_shell(run):
    done = run("layers", "resnet21", check=False)
    assert done.returncode == 2 and done.stderr.startswith("There is no model called") and done.stdout == ""


@pytest.mark.slow
def test_a_run_trains_is_listed_evaluates_the_same_and_classifies(run, pictures, tmp_path):
    out = tmp_path / "out"
    done = run("train", "--data", pictures, "--epochs", 3, "--batch-size", 16, "--out", out, "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["run_started", "run_finished"]
    assert {"step", "epoch", "loss", "accuracy", "lr", "seconds", "images_per_second"} <= set(events[1])
    last = events[-1]
    assert last["stop_reason"] == "completed" and Path(last["checkpoint"]).is_file()
    tested = as_json(run("evaluate", last["checkpoint"], "--data", pictures, "--json"))
    assert tested["accuracy"] == last["test_accuracy"] and tested["n"] == sum(map(sum, tested["confusion"]))
    (answer,) = as_json(run("classify", pictures / "dark" / "1.png", "--checkpoint", out, "--top", 1, "--json"))
    assert answer["top"][0]["class"] in ("bright", "dark") and answer["image"].endswith("1.png")
    assert run("train", "--resume", out, check=False).returncode == 2


@pytest.mark.slow
def test_runs_at_home_are_listed_newest_first(run, pictures):
    for seed in (1, 2):
        run("train", "--data", pictures, "--max-steps", 2, "--batch-size", 16, "--seed", seed)
    rows = as_json(run("runs", "--json"))
    assert len(rows) == 2 and rows[0]["id"] > rows[1]["id"]
    assert set(rows[0]) == {"id", "status", "model", "dataset", "recipe", "owner", "created", "best_accuracy"}
    assert rows[0]["status"] == "finished"


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_an_interrupted_run_keeps_its_weights_and_goes_on_to_the_same_end(run, pictures, tmp_path):
    options = ["--data", pictures, "--max-steps", 60, "--batch-size", 16]
    whole, out = tmp_path / "whole", tmp_path / "out"
    run("train", *options, "--out", whole)
    command = [sys.executable, "-m", "resnet_demo", "train", *map(str, options), "--out", str(out), "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if '"step": 5,' in line:
            process.send_signal(signal.SIGINT)
            break
    rest = [json.loads(line) for line in process.stdout.read().splitlines()]
    assert process.wait(60) == 0 and rest[-1]["stop_reason"] == "stopped"
    run("train", "--resume", out)
    resumed, straight = ((folder / "last.safetensors") for folder in (out, whole))
    from resnet_demo import load_model

    for (name, a), b in zip(load_model(resumed)[0].state_dict().items(), load_model(straight)[0].state_dict().values()):
        assert a.equal(b), name


def test_help_is_quick(run):
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    bare = time.perf_counter() - started
    started = time.perf_counter()
    run("--help")
    assert time.perf_counter() - started < bare + 0.5


@pytest.mark.slow
def test_sixty_seconds_of_the_default_run_reach_084_on_fashion_mnist(run):
    rows = {row["name"]: row for row in as_json(run("datasets", "--json"))}
    if not rows["fashion-mnist"]["available"]:
        pytest.skip("Fashion-MNIST is not on this machine (Debian's package dataset-fashion-mnist)")
    done = run(
        "train", "--model", "resnet20", "--dataset", "fashion-mnist", "--recipe", "budget", "--seconds", 60, "--json"
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["stop_reason"] == "time" and 54 <= last["seconds"] <= 66
    assert last["test_accuracy"] >= 0.84
    assert as_json(run("evaluate", last["checkpoint"], "--json"))["accuracy"] == last["test_accuracy"]
