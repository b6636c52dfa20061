"""The figures that a lesson's prose quotes, computed from what was recorded, so that the prose cannot differ from it.

Each function gives names to numbers and to claims (true or false); `recorded` says whether there is all that it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .reading import Recorded, card, recorded, shipped, table
from .table import BLOCKS, GRADIENT_STEPS, GRADIENTS, NORM_RATES, RUNS, SEEDS, seeds_of

Figures = dict[str, Any]
PLAIN_DEPTHS = (20, 32, 44, 56)
SMOOTHED = 3  # validations: their mean tells a rise from noise
RISE = 1.05
EVEN = 1.0  # points of accuracy that make no difference
COSTLY = 0.1  # of accuracy
GUESS = 0.1  # among ten classes
TRIES = ("nothing", "augment", "decay", "both")
SCHEDULES = ("constant", "steps", "plateau", "one_cycle")


def figures(lesson: str, folder: Path = RUNS) -> Figures:
    """What the prose of that lesson may quote. Lesson 4 counts layers."""
    return FIGURES.get(lesson, lambda folder: {"recorded": True})(folder)


def deeper(folder: Path) -> Figures:
    """Lesson 1: for each net the means over seeds; `worse` is worse in every run, in training and on validation."""
    models = [f"plain{depth}" for depth in PLAIN_DEPTHS] + ["resnet20", "resnet56"]
    runs = {model: _all([f"1-{model}-seed{seed}" for seed in seeds_of(model)], folder) for model in models}
    if not all(runs.values()):
        return {"recorded": False}
    losses = {model: [run.training() for run in found] for model, found in runs.items()}
    right = {model: [_accuracy(run) for run in found] for model, found in runs.items()}
    found: Figures = {"recorded": True, "steps": runs["plain20"][0].history.step, "seeds": len(SEEDS)}
    found |= {f"{model}_loss": mean(values) for model, values in losses.items()}
    found |= {f"{model}_accuracy": mean(values) for model, values in right.items()}
    found |= {f"{model}_test": mean([_tested(run) for run in runs[model]]) for model in models}
    slower = [min(losses[f"plain{depth}"]) > max(losses["plain20"]) for depth in PLAIN_DEPTHS]
    shallowest = [depth for i, depth in enumerate(PLAIN_DEPTHS[:-1]) if i and all(slower[i:])]

    def worse(model: str, than: str) -> bool:
        return min(losses[model]) > max(losses[than]) and max(right[model]) < min(right[than])

    found |= {"degrades": worse("plain56", "plain20"), "from_depth": min(shallowest, default=0)}
    found["points_lost"] = 100 * (found["plain20_accuracy"] - found["plain56_accuracy"])
    found["shortcut_helps"] = worse("plain56", "resnet56")
    found["shortcut_points"] = 100 * (found["resnet56_accuracy"] - found["plain56_accuracy"])
    points = 100 * (found["resnet56_accuracy"] - found["resnet20_accuracy"])
    gains, loses = points > 0 and min(right["resnet56"]) > max(right["resnet20"]), points < -EVEN
    found |= {"deeper_gains": gains, "deeper_loses": loses, "deeper_even": not gains and not loses}
    return found | _shipped()


def _shipped() -> Figures:
    """Test accuracies of four shipped networks that were trained alike; `long_agrees` where they do as the paper's."""
    cards = {model: card(f"{model}-fashion-mnist") for model in ("plain20", "plain56", "resnet20", "resnet56")}
    right = {f"long_{model}": found["test"]["accuracy"] for model, found in cards.items() if found.get("test")}
    asked = [(found.get("recipe"), found.get("length"), found.get("seed")) for found in cards.values()]
    epochs = (asked[0][1] or {}).get("epochs")
    if len(right) < len(cards) or asked.count(asked[0]) < len(asked) or not epochs:
        return {"long_agrees": False, "long_differs": False}
    agrees = right["long_plain56"] < right["long_plain20"] and right["long_resnet56"] > right["long_resnet20"]
    return {**right, "long_epochs": epochs, "long_agrees": agrees, "long_differs": not agrees}


def gradients(folder: Path) -> Figures:
    """Lesson 2: first over last convolution's gradient before training, after a few steps and at the last recorded."""
    rows = table(GRADIENTS, folder)
    start, first, last = GRADIENT_STEPS
    found: Figures = {"first_step": first, "last_step": last}
    for net in ("plain20", "plain56", "resnet56"):
        ratios = {moment["step"]: moment["norms"][0] / moment["norms"][-1] for moment in rows.get(net, [])}
        if not set(GRADIENT_STEPS) <= set(ratios):
            return {"recorded": False}
        found |= {f"{net}_start": ratios[start], f"{net}_soon": ratios[first], f"{net}_end": ratios[last]}
    overshoots = max(found["plain56_soon"], found["plain56_end"]) < 1
    calms = found["plain56_end"] < found["plain56_start"] / 10
    return {"recorded": True, **found, "overshoots": overshoots, "calms": calms and not overshoots}


def blocks(folder: Path) -> Figures:
    """Lesson 3: what is left of accuracy without single blocks; `has_NAME` for each checkpoint that was taken apart."""
    rows = table(BLOCKS, folder)
    found: Figures = {"recorded": "resnet20-fashion-mnist" in rows}
    for model in ("resnet20", "resnet56", "plain20"):
        row = rows.get(f"{model}-fashion-mnist")
        found[f"has_{model}"] = row is not None
        if row is not None:
            found |= {f"{model}_{name}": value for name, value in _dissected(row).items()}
    if not found["recorded"]:
        return found
    found["pictures"] = rows["resnet20-fashion-mnist"]["pictures"]
    found["most_needed"] = 2 * found["resnet20_costly"] > found["resnet20_blocks"]
    found["worst_halves"] = found["resnet20_worst_name"] == "layer3.0"
    found["more_share_work"] = found["has_resnet56"] and all(
        found[f"resnet56_{name}"] < found[f"resnet20_{name}"] for name in ("share", "points")
    )
    found["residual_survives"] = found["has_plain20"] and found["resnet20_points"] < found["plain20_points"]
    return found


def _dissected(row: dict[str, Any]) -> Figures:
    """`share` is |F(x)| over |x| in the median block, `bar` the same as it is drawn; `points` are lost on average."""
    parts = [part for part in row["parts"] if part["without"] is not None]
    without, worst = [part["without"] for part in parts], min(parts, key=lambda part: part["without"])
    share = median([part["branch"] / part["passing"] for part in row["parts"] if part["passing"]] or [0.0])
    return {
        "accuracy": row["accuracy"], "blocks": len(row["parts"]), "droppable": len(parts), "mean": mean(without),
        "worst": worst["without"], "worst_name": worst["name"], "share": share, "bar": share / (1 + share),
        "points": 100 * (row["accuracy"] - mean(without)),
        "costly": sum(row["accuracy"] - left > COSTLY for left in without),
    }  # fmt: skip


def costs(folder: Path) -> Figures:
    """Lesson 4: multiply-accumulates and parameters, counted from the layer tables."""
    from ..layers import layer_table
    from ..specs import MODELS

    found: Figures = {"recorded": True}
    for depth in (18, 34, 50, 101, 152):
        counted = layer_table(MODELS[f"resnet{depth}"])
        found |= {f"macs{depth}": counted.total_macs / 1e9, f"params{depth}": counted.total_params / 1e6}
    for option, shortcut in {"a": "zero_pad", "b": "projection", "c": "projection_all"}.items():
        found[f"option_{option}"] = layer_table(replace(MODELS["resnet20"], shortcut=shortcut)).total_params
    found["grey"] = found["option_a"] - layer_table(MODELS["resnet20"].adapted(in_channels=1)).total_params
    found["basic_weights"] = 2 * 3 * 3 * 64 * 64
    found["bottleneck_weights"] = 256 * 64 + 3 * 3 * 64 * 64 + 64 * 256
    return found


def norm(folder: Path) -> Figures:
    """Lesson 5: with and without batch norm at two rates, and a loop that forgets to go back to training mode."""
    names = [f"5-{word}-{rate:g}" for word in ("with", "without") for rate in NORM_RATES]
    runs = dict(zip(names, _all(names, folder)))
    loops = dict(zip(("remembers", "forgets"), _all(["5-remembers", "5-forgets"], folder)))
    if not runs or not loops:
        return {"recorded": False}
    low, high = NORM_RATES
    found: Figures = {"recorded": True, "low_rate": low, "high_rate": high}
    found["steps"] = runs[f"5-with-{low:g}"].history.step
    for word in ("with", "without"):
        for rate, run in (("low", runs[f"5-{word}-{low:g}"]), ("high", runs[f"5-{word}-{high:g}"])):
            found |= {f"{word}_{rate}": _accuracy(run), f"{word}_{rate}_diverged": run.has_diverged}
    broken = runs[f"5-without-{high:g}"].history
    found |= {"broken_step": broken.step, "broken_loss": median([step.loss for step in broken.steps])}
    best = max((event.accuracy for event in broken.validations), default=GUESS)
    found["broken_guesses"] = best < 1.5 * GUESS and abs(found["broken_loss"] + math.log(GUESS)) < 0.1
    found |= {word: _accuracy(run) for word, run in loops.items()}
    found["norm_helps"] = found["with_low"] > found["without_low"]
    found["norm_allows_more"] = found["with_high"] > max(
        found[name] for name in ("without_high", "with_low", "without_low")
    )
    found["forgetting_hurts"] = found["remembers"] > found["forgets"]
    return found


def overfitting(folder: Path) -> Figures:
    """Lesson 6: whether validation loss rises on few pictures and what helps; four schedules, `compared` if all ran."""
    few = dict(zip(TRIES, _all([f"6-few-{word}" for word in TRIES], folder)))
    if not few:
        return {"recorded": False, "compared": False}
    found: Figures = {"recorded": True}
    for word, run in few.items():
        found |= {f"{word}_{name}": value for name, value in _fit(run).items()}
    best = max(found[f"{word}_accuracy"] for word in TRIES[1:])
    found["none_helps"] = best <= found["nothing_accuracy"]
    found["augment_calms"] = all(found[f"augment_{name}"] < found[f"nothing_{name}"] for name in ("last", "gap"))
    return found | _schedules(folder)


def _fit(run: Recorded) -> Figures:
    """`lowest` and `last` are validation losses, means of a few in a row, as is the accuracy that is `kept` or not."""
    losses, right = (_running(run, name) for name in ("loss", "accuracy"))
    at, trained, accuracy = losses.index(min(losses)), run.training("accuracy"), _accuracy(run)
    return {
        "train": trained, "accuracy": accuracy, "gap": 100 * (trained - accuracy),
        "rises": losses[-1] > RISE * losses[at], "lowest": losses[at], "last": losses[-1],
        "epoch": run.history.validations[at + SMOOTHED // 2].epoch, "kept": max(right) - right[-1] < EVEN / 100,
    }  # fmt: skip


def _schedules(folder: Path) -> Figures:
    runs = dict(zip(SCHEDULES, _all([f"6-{name}" for name in SCHEDULES], folder)))
    if not runs:
        return {"compared": False}
    found: Figures = {"compared": True, "steps": runs["constant"].history.step}
    found |= {f"{name}_rate": _accuracy(run) for name, run in runs.items()}
    falling, level = [found["steps_rate"], found["one_cycle_rate"]], found["constant_rate"]
    found |= {"annealing_helps": min(falling) > level, "annealing_hurts": max(falling) < level}
    found["annealing_depends"] = not found["annealing_helps"] and not found["annealing_hurts"]
    found["plateau_fired"] = len({step.lr for step in runs["plateau"].history.steps}) > 1
    return found


def _running(run: Recorded, name: str) -> list[float]:
    """The means of SMOOTHED validations in a row."""
    values = [getattr(event, name) for event in run.history.validations]
    return [mean(values[i : i + SMOOTHED]) for i in range(len(values) - SMOOTHED + 1)]


def notebooks(folder: Path) -> Figures:
    """Lesson 7: what one notebook's recipe reached here."""
    run = shipped("resnet18-d2l-fashion-mnist")
    if run is None:
        return {"recorded": True, "d2l_here": False}
    train, test = run.training("accuracy"), run.head["test"]["accuracy"]
    found = {"d2l_epochs": run.head["length"]["epochs"], "d2l_train": train, "d2l_test": test}
    return {"recorded": True, "d2l_here": True, **found, "d2l_gap": 100 * (train - test)}


def answers(folder: Path) -> Figures:
    """The teacher's page: what lessons 1 and 3 found, as `vote_` and `block_`."""
    found = {"vote": deeper(folder), "block": blocks(folder)}
    named = {f"{word}_{name}": value for word, values in found.items() for name, value in values.items()}
    return {"recorded": True, **named}


def _all(names: Sequence[str], folder: Path) -> list[Recorded]:
    """Every recording of those names; none at all if one of them is not there."""
    found = [run for name in names if (run := recorded(name, folder))]
    return found if len(found) == len(names) else []


def _accuracy(run: Recorded) -> float:
    """On validation at the end; a run that diverged knows no more than a guess among ten."""
    return GUESS if run.has_diverged or run.validation is None else run.validation.accuracy


def _tested(run: Recorded) -> float:
    """On the test set at the end, a diverged run as a guess."""
    end = run.history.finished
    return GUESS if end is None or end.test_accuracy is None else end.test_accuracy


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


FIGURES: dict[str, Callable[[Path], Figures]] = {
    "1": deeper, "2": gradients, "3": blocks, "4": costs, "5": norm, "6": overfitting,
    "7": notebooks, "teacher": answers,
}  # fmt: skip
