"""What stands in the figures: the lines, their colours and their words."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
import torch
from matplotlib.colors import to_hex

from resnet_demo import plots
from resnet_demo.events import History, RunFinished, Step, Validation


def history(steps: int = 50) -> History:
    return History.of(
        [
            *(Step(i, i / 10, 2 / i, 1 - 1 / (i + 1), 0.1) for i in range(1, steps + 1)),
            Validation(steps // 2, 2.5, 0.7, 0.81, 100),
            Validation(steps, 5.0, 0.6, 0.79, 100),
            RunFinished("steps", steps, 0.79, 0.8),
        ]
    )


def drawn(figure) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=40)
    return file.getvalue()


def test_curves_hold_every_series_in_its_colour():
    figure = plots.curves(history(), title="resnet20")
    loss, accuracy, rate = figure.axes
    assert [line.get_label() for line in loss.lines] == ["training", "validation"]
    assert [to_hex(line.get_color()).upper() for line in loss.lines] == [plots.TRAINING, plots.VALIDATION]
    assert list(loss.lines[1].get_xdata()) == [25, 50] and list(loss.lines[1].get_ydata()) == [0.7, 0.6]
    assert {line.get_label() for line in accuracy.lines} >= {"best 0.810", "test 0.800"}
    assert (loss.get_ylabel(), rate.get_xlabel()) == ("loss (nats)", "step")
    assert drawn(figure).startswith(b"\x89PNG")


def test_curves_of_nothing_and_of_very_much():
    assert drawn(plots.curves(History()))
    line = plots.curves(history(9001)).axes[0].lines[0]
    assert len(line.get_xdata()) <= plots.MOST_POINTS and line.get_xdata()[-1] == 9001


def test_confusion_shows_the_counts():
    figure = plots.confusion([[8, 2], [0, 1234]], ["cat", "dog"])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.texts] == ["8", "2", "", "1,234"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted", "true")


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_marks_right_green_and_wrong_red(channels):
    images = torch.zeros(3, channels, 8, 8, dtype=torch.uint8)
    figure = plots.sheet(images, [0, 1, 1], [0, 0, 1], ["cat", "dog"], side=2)
    titles = [axes.get_title() for axes in figure.axes]
    frames = [to_hex(axes.spines["top"].get_edgecolor()).upper() for axes in figure.axes[:3]]
    assert titles == ["cat", "cat\nis dog", "dog", ""]
    assert frames == [plots.RIGHT, plots.WRONG, plots.RIGHT]
    assert drawn(figure)


def test_no_pyplot_and_no_matplotlib_before_the_first_figure():
    code = (
        "import sys, resnet_demo.plots as p; assert 'matplotlib' not in sys.modules;"
        "from resnet_demo.events import History; p.curves(History()); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
