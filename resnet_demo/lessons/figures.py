"""The figures that a lesson's prose quotes, computed from what was recorded, so that the prose cannot differ from it.

Each function gives names to numbers and to claims (true or false); `recorded` says whether there is all that it needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from .reading import Recorded, recorded, table
from .table import BLOCKS, GRADIENT_STEPS, GRADIENTS, NORM_RATES, RUNS, SEEDS

Figures = dict[str, Any]
PLAIN_DEPTHS = (20, 32, 44, 56)
SMOOTHED = 3  # validations: their mean tells a rise from noise
RISE = 1.05


def figures(lesson: str, folder: Path = RUNS) -> Figures:
    """What the prose of that lesson may quote. Lesson 4 counts layers; 7 and the teacher's page quote nothing."""
    return FIGURES.get(lesson, lambda folder: {"recorded": True})(folder)


def deeper(folder: Path) -> Figures:
    """Lesson 1: for each net the means over seeds, and from which depth on all seeds of a plain net are worse."""
    models = [f"plain{depth}" for depth in PLAIN_DEPTHS] + ["resnet20", "resnet56"]
    runs = {model: _all([f"1-{model}-seed{seed}" for seed in SEEDS], folder) for model in models}
    if not all(runs.values()):
        return {"recorded": False}
    found: Figures = {"recorded": True, "steps": runs["plain20"][0].history.step, "seeds": len(SEEDS)}
    losses = {model: [run.training() for run in runs[model]] for model in models}
    for model in models:
        accuracies = [_accuracy(run) for run in runs[model]]
        tests = [end.test_accuracy for run in runs[model] if (end := run.history.finished)]
        found |= {
            f"{model}_loss": mean(losses[model]), f"{model}_accuracy": mean(accuracies),
            f"{model}_least": min(accuracies), f"{model}_most": max(accuracies),
            f"{model}_test": mean([accuracy for accuracy in tests if accuracy is not None]),
        }  # fmt: skip
    worse = [depth for depth in PLAIN_DEPTHS[1:] if min(losses[f"plain{depth}"]) > max(losses["plain20"])]
    found |= {"degrades": 56 in worse, "from_depth": min(worse, default=0), "only_deepest": worse == [56]}
    found["points_lost"] = 100 * (found["plain20_accuracy"] - found["plain56_accuracy"])
    found["shortcut_helps"] = max(losses["resnet56"]) < min(losses["plain56"])
    found["shortcut_points"] = 100 * (found["resnet56_accuracy"] - found["plain56_accuracy"])
    found["residual_gap"] = 100 * (found["resnet56_accuracy"] - found["resnet20_accuracy"])
    found["residual_deeper_is_better"] = found["residual_gap"] > 0
    return found


def gradients(folder: Path) -> Figures:
    """Lesson 2: first over last convolution's gradient at the recorded steps of training."""
    rows = table(GRADIENTS, folder)
    found: Figures = {"recorded": False}
    for net, moments in rows.items():
        for moment in moments:
            found[f"{net.replace('-', '_')}_at_{moment['step']}"] = moment["norms"][0] / moment["norms"][-1]
    last = GRADIENT_STEPS[-1]
    needed = [f"{net}_at_{step}" for net in ("plain20", "plain56", "resnet56") for step in (0, last)]
    if all(name in found for name in needed):
        found |= {"recorded": True, "last_step": last, "calms": found[f"plain56_at_{last}"] < found["plain56_at_0"]}
        found |= {f"{net}_end": found[f"{net}_at_{last}"] for net in ("plain20", "plain56", "resnet56")}
        found |= {f"{net}_start": found[f"{net}_at_0"] for net in ("plain20", "plain56", "resnet56")}
    return found


def blocks(folder: Path) -> Figures:
    """Lesson 3: what is left of accuracy without single blocks; `has_NAME` for each checkpoint that was taken apart."""
    rows = table(BLOCKS, folder)
    found: Figures = {"recorded": "resnet20-fashion-mnist" in rows}
    for model in ("resnet20", "resnet56", "plain20", "plain56"):
        row = rows.get(f"{model}-fashion-mnist")
        found[f"has_{model}"] = row is not None
        if row is None:
            continue
        without = [part["without"] for part in row["parts"] if part["without"] is not None]
        shares = [part["branch"] / part["passing"] for part in row["parts"] if part["passing"]]
        found |= {
            f"{model}_accuracy": row["accuracy"],
            f"{model}_blocks": len(row["parts"]), f"{model}_droppable": len(without),
            f"{model}_mean": mean(without), f"{model}_worst": min(without), f"{model}_best": max(without),
            f"{model}_share": median(shares) if shares else 0.0, "pictures": row["pictures"],
        }  # fmt: skip
    halving = [part["without"] for part in rows.get("resnet20-fashion-mnist", {}).get("parts", []) if _halves(part)]
    found["halving_matters"] = bool(halving) and mean(halving) < found["resnet20_mean"]
    found["smaller_shares"] = found["has_resnet56"] and found["resnet56_share"] < found["resnet20_share"]
    both = found["has_plain20"] and found["recorded"]
    found["residual_survives"] = both and found["resnet20_mean"] > found["plain20_mean"]
    return found


def _halves(part: dict[str, Any]) -> bool:
    return part["name"] in ("layer2.0", "layer3.0") and part["without"] is not None


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
            found[f"{word}_{rate}_step"] = run.history.step
    for word, run in loops.items():
        found |= {word: _accuracy(run), f"{word}_diverged": run.has_diverged, f"{word}_loss": run.training()}
    found["norm_helps"] = found["with_low"] > found["without_low"]
    found["norm_allows_more"] = found["with_high"] > found["without_high"]
    found["forgetting_costs"] = found["remembers"] - found["forgets"]
    found["forgetting_hurts"] = found["forgetting_costs"] > 0
    return found


def overfitting(folder: Path) -> Figures:
    """Lesson 6: whether validation loss rises on few pictures, what helps, and four schedules on one budget."""
    few = dict(zip(TRIES, _all([f"6-few-{word}" for word in TRIES], folder)))
    schedules = dict(zip(SCHEDULES, _all([f"6-{word}" for word in SCHEDULES], folder)))
    if not few or not schedules:
        return {"recorded": False}
    found: Figures = {"recorded": True, "steps": schedules["constant"].history.step}
    for word, run in few.items():
        lowest, epoch, last = _rise(run)
        found |= {
            f"{word}_train": run.training("accuracy"), f"{word}_accuracy": _accuracy(run),
            f"{word}_rises": last > RISE * lowest, f"{word}_lowest": lowest,
            f"{word}_epoch": epoch, f"{word}_last": last,
        }  # fmt: skip
        found[f"{word}_gap"] = 100 * (found[f"{word}_train"] - found[f"{word}_accuracy"])
    found |= {f"{name}_rate": _accuracy(run) for name, run in schedules.items()}
    rates = {step.lr for step in schedules["plateau"].history.steps}
    found |= {"plateau_fired": len(rates) > 1, "annealing_helps": found["one_cycle_rate"] > found["constant_rate"]}
    found["augment_helps"] = found["augment_accuracy"] > found["nothing_accuracy"]
    found["decay_helps"] = found["decay_accuracy"] > found["nothing_accuracy"]
    return found


def _rise(run: Recorded) -> tuple[float, float, float]:
    """The lowest mean of a few validation losses in a row, the epoch where it is, and the mean of the last few."""
    events = run.history.validations
    means = [mean([event.loss for event in events[i : i + SMOOTHED]]) for i in range(len(events) - SMOOTHED + 1)]
    at = min(range(len(means)), key=means.__getitem__)
    return means[at], events[at + SMOOTHED // 2].epoch, means[-1]


def _all(names: Sequence[str], folder: Path) -> list[Recorded]:
    """Every recording of those names; none at all if one of them is not there."""
    found = [run for name in names if (run := recorded(name, folder))]
    return found if len(found) == len(names) else []


def _accuracy(run: Recorded) -> float:
    """On validation at the end; a run that diverged knows no more than a guess among ten."""
    return 0.1 if run.has_diverged or run.validation is None else run.validation.accuracy


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def median(values: Sequence[float]) -> float:
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2


TRIES = ("nothing", "augment", "decay", "both")
SCHEDULES = ("constant", "steps", "plateau", "one_cycle")
FIGURES: dict[str, Callable[[Path], Figures]] = {
    "1": deeper, "2": gradients, "3": blocks, "4": costs, "5": norm, "6": overfitting,
}  # fmt: skip
