"""Figures for files and reports: curves, a confusion matrix, a sheet of answers. Never for live curves.

Everything is drawn on `matplotlib.figure.Figure` itself, without pyplot: no window, no global state, safe in threads.
matplotlib is imported when the first figure is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .events import History, Step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

TRAINING, VALIDATION, TEST = "#0072B2", "#D55E00", "#009E73"  # Okabe and Ito
RIGHT, WRONG = "#009E73", "#D55E00"
MOST_POINTS = 2000


def curves(history: History, title: str = "") -> Figure:
    """Loss (nats), accuracy and learning rate against the step, one above the other on the same axis."""
    figure = _figure(7, 7)
    loss, accuracy, rate = figure.subplots(3, 1, sharex=True, height_ratios=(3, 3, 1.4))
    _draw_pair(loss, history, "loss", "loss (nats)")
    _draw_pair(accuracy, history, "accuracy", "accuracy")
    accuracy.set_ylim(top=1.0)
    _mark_best_and_test(accuracy, history)
    steps = _thinned(history.steps)
    rate.plot([s.step for s in steps], [s.lr for s in steps], color=TRAINING, label="learning rate")
    rate.set(xlabel="step", ylabel="learning rate")
    for axes in (loss, accuracy):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False)
    if title:
        figure.suptitle(title)
    return figure


def _draw_pair(axes: Axes, history: History, what: str, label: str) -> None:
    steps = _thinned(history.steps)
    axes.plot([s.step for s in steps], [getattr(s, what) for s in steps], color=TRAINING, lw=1, label="training")
    seen = history.validations
    values = [getattr(v, what) for v in seen]
    axes.plot([v.step for v in seen], values, label="validation", color=VALIDATION, marker="o", ms=3)
    axes.set_ylabel(label)
    axes.grid(alpha=0.25)


def _mark_best_and_test(axes: Axes, history: History) -> None:
    if history.best is not None:
        axes.axvline(history.best.step, color=VALIDATION, lw=0.8, ls=":", label=f"best {history.best.accuracy:.3f}")
    if history.finished is not None and history.finished.test_accuracy is not None:
        reached = history.finished.test_accuracy
        axes.axhline(reached, color=TEST, lw=1, label=f"test {reached:.3f}")


def _thinned(items: Sequence[Step]) -> Sequence[Step]:
    """At most MOST_POINTS of them, evenly spread, the last one among them."""
    stride = -(-len(items) // MOST_POINTS) if items else 1
    return items[::-stride][::-1]


def confusion(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """Counts, `matrix[true][predicted]`, shaded by the share of the true class."""
    side = max(4.0, 0.62 * len(classes) + 1.6)
    figure = _figure(side + 0.6, side)
    axes = figure.subplots()
    totals = [max(1, sum(row)) for row in matrix]
    shares = [[count / total for count in row] for row, total in zip(matrix, totals)]
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for true, row in enumerate(matrix):
        for predicted, count in enumerate(row):
            ink = "white" if shares[true][predicted] > 0.5 else "black"
            axes.text(predicted, true, f"{count:,}" if count else "", ha="center", va="center", color=ink, fontsize=8)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true")
    return figure


def sheet(
    images: Tensor, true: Sequence[int], predicted: Sequence[int], classes: Sequence[str], side: int = 8
) -> Figure:
    """The first `side` x `side` pictures (uint8, `(N, C, H, W)`), right answers framed green, wrong ones red.

    A wrong answer has the true class below it too, so that colour is not all that tells them apart.
    """
    figure = _figure(1.35 * side, 1.6 * side)
    for index, axes in enumerate(figure.subplots(side, side, squeeze=False).flat):
        axes.set(xticks=[], yticks=[])
        if index >= min(len(images), len(true), len(predicted)):
            axes.set_axis_off()
            continue
        _draw_answer(axes, images[index], classes[int(true[index])], classes[int(predicted[index])])
    return figure


def _draw_answer(axes: Axes, image: Tensor, true: str, predicted: str) -> None:
    pixels = image.permute(1, 2, 0).numpy()
    axes.imshow(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels, cmap="gray", vmin=0, vmax=255)
    is_right = true == predicted
    colour = RIGHT if is_right else WRONG
    for spine in axes.spines.values():
        spine.set(color=colour, linewidth=2.5)
    axes.set_title(predicted if is_right else f"{predicted}\nis {true}", fontsize=7, color=colour)


def _figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")
