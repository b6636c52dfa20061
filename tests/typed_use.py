"""How another program uses the lab: mypy must understand every line without a cast (tests/test_types.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, zeros
from typing_extensions import assert_type

from resnet_demo import (
    DATASETS,
    MODELS,
    RECIPES,
    RunStore,
    build_model,
    classify,
    curves,
    execute,
    layer_table,
    load_dataset,
    load_model,
    open_checkpoint,
    run_config,
    runs_dir,
)
from resnet_demo.evaluate import evaluate
from resnet_demo.events import RunFinished, Validation


def look() -> None:
    model = build_model("resnet20", num_classes=10, in_channels=1, seed=0)
    assert_type(model.spec.depth, int)
    assert_type(model.features(zeros(1, 1, 28, 28)), Tensor)
    table = layer_table(MODELS["resnet50"], (3, 224, 224))
    assert_type([row.macs for row in table.rows], list[int])
    assert_type(DATASETS["cifar10"].classes, tuple[str, ...])
    assert_type(RECIPES["budget"].peak_lr, float)


def train_and_use(picture: Path) -> list[tuple[str, float]]:
    run = RunStore(runs_dir()).create(run_config("resnet20", "fashion-mnist-small", seconds=20))
    for event in execute(run):
        if isinstance(event, Validation):
            assert_type(event.accuracy, float)
        elif isinstance(event, RunFinished):
            assert_type(event.test_accuracy, "float | None")
    curves(run.history()).savefig("curves.png")
    checkpoint = open_checkpoint(run.checkpoint() or "resnet20-fashion-mnist")
    assert_type(evaluate(checkpoint, load_dataset("fashion-mnist-small").test).confusion, list[list[int]])
    (answer,) = classify(checkpoint, [picture], top=3)
    return list(answer.top)


def the_shipped_one() -> None:
    model, card = load_model("resnet20-fashion-mnist")
    assert_type(card, dict[str, Any])
    assert_type(model.training, bool)
