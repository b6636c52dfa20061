"""Accuracy with its interval, the class table, the confusion matrix, and the pictures behind a class or a cell."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ..datasets import CIFAR10_JPEG_TITLE
from ..intervals import wilson
from .markup import png_address, quiet, send, strip
from .strings import named, say

if TYPE_CHECKING:
    from .gradebook import Answers, Grades

LARGEST_MATRIX = 40  # classes; beyond it the commonest confusions are listed instead
COLUMNS = (
    ("class", "name"), ("n", "number"), ("correct", "number"), ("accuracy", "number"), ("interval", "number"),
    ("precision", "number"), ("confused", "name"),
)  # fmt: skip
MOST_PAIRS = 30
MOST_PICTURES = 48
ON_SHEET = 64


def grades_html(grades: Grades) -> str:
    """The headline, then table and matrix side by side, then the ways to see the pictures."""
    body = f'<div class="tables">{table_html(grades)}{_confusions_html(grades)}</div>'
    asks = "".join(_ask(grades, what) for what in ("mistakes", "some"))
    if len(grades.classes) <= LARGEST_MATRIX:
        percent, counts = (escape(say(f"classify.in_{what}")) for what in ("percent", "counts"))
        asks += f'<button type="button" class="ask" data-swap data-other="{counts}">{percent}</button>'
    return f'{headline_html(grades)}{body}<div class="asks">{asks}</div>'


def _ask(grades: Grades, what: str) -> str:
    words = escape(say(f"classify.show_{what}", count=ON_SHEET))
    return f'<button type="button" class="ask" {_ask_for(grades, what)}>{words}</button>'


def _ask_for(grades: Grades, what: str, **which: int) -> str:
    return send({"show": what, **which, "of": grades.token})


def headline_html(grades: Grades) -> str:
    """“0.914 on 10,000 test pictures of Fashion-MNIST; 95 % interval 0.908 to 0.919”."""
    low, high = wilson(grades.correct, grades.n)
    rest = say(f"classify.headline_{grades.split}", n=grades.n, data=grades.title, low=f"{low:.3f}", high=f"{high:.3f}")
    told = f'<p class="headline"><b>{grades.accuracy:.3f}</b> <span>{escape(rest)}</span></p>'
    return told + quiet(say("classify.about_jpeg")) if grades.data == CIFAR10_JPEG_TITLE else told


def table_html(grades: Grades) -> str:
    heads = "".join(
        f'<th scope="col" class="{kind}"><button type="button" data-sort>{escape(say(f"classify.th_{what}"))}'
        "</button></th>"
        for what, kind in COLUMNS
    )
    rows = "".join(_class_row(grades, index) for index in range(len(grades.classes)))
    caption = escape(say("classify.table_caption"))
    return (
        f'<div class="class-table"><table><caption>{caption}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _class_row(grades: Grades, index: int) -> str:
    n, correct = grades.row(index)
    name = escape(grades.name(index))
    confused = "–"
    if found := grades.most_confused_with(index):
        words = escape(say("classify.confused_with", name=grades.name(found[0]), count=found[1]))
        confused = f'<button type="button" {_ask_for(grades, "cell", true=index, predicted=found[0])}>{words}</button>'
    button = f'<button type="button" {_ask_for(grades, "class", true=index)}>{name}</button>'
    low, high = wilson(correct, n)
    said = sum(row[index] for row in grades.confusion)
    numbers = (
        (n, f"{n:,}"), (correct, f"{correct:,}"), (correct / n if n else -1, f"{correct / n:.3f}" if n else "–"),
        (low if n else -1, f"{low:.3f}–{high:.3f}" if n else "–"),
        (correct / said if said else -1, f"{correct / said:.3f}" if said else "–"),
    )  # fmt: skip
    cells = "".join(f'<td class="number" data-v="{value:.6f}">{words}</td>' for value, words in numbers)
    often = grades.confusion[index][found[0]] if found else 0
    return f'<tr><th scope="row">{button}</th>{cells}<td data-v="{often}">{confused}</td></tr>'


def _confusions_html(grades: Grades) -> str:
    return matrix_html(grades) if len(grades.classes) <= LARGEST_MATRIX else pairs_html(grades)


def matrix_html(grades: Grades) -> str:
    """Counts: rows are true classes, columns predicted ones, shaded by the share of the row, each to click."""
    heads = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in map(named, grades.classes))
    corner = escape(say("classify.matrix_corner"))
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{_cells(grades, true)}</tr>'
        for true, name in enumerate(map(named, grades.classes))
    )
    caption = escape(say("classify.matrix_caption"))
    return (
        f'<div class="matrix" style="--classes:{len(grades.classes)}"><table role="grid"><caption>{caption}</caption>'
        f"<thead><tr><td>{corner}</td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cells(grades: Grades, true: int) -> str:
    return "".join(_cell(grades, true, predicted) for predicted in range(len(grades.classes)))


def _cell(grades: Grades, true: int, predicted: int) -> str:
    count = grades.confusion[true][predicted]
    share = count / max(1, grades.row(true)[0])
    kind = "right" if true == predicted else "wrong" if count else "none"
    strength = share if true == predicted else min(1.0, 2.5 * share) ** 0.7
    title = escape(f"{grades.name(true)} → {grades.name(predicted)}: {count:,}")
    attributes = _ask_for(grades, "cell", true=true, predicted=predicted)
    stop = 0 if true == predicted == 0 else -1
    return (
        f'<td role="gridcell" tabindex="{stop}" class="{kind}" style="--s:{strength:.2f}" title="{title}" {attributes} '
        f'data-other="{_percent(share)}">{count:,}</td>'
    )


def _percent(share: float) -> str:
    return f"{100 * share:.1f}" if 0 < share < 1 else f"{100 * share:.0f}"


def pairs_html(grades: Grades) -> str:
    """The commonest confusions, for more classes than a matrix can show."""
    pairs = [
        (count, true, predicted)
        for true, row in enumerate(grades.confusion)
        for predicted, count in enumerate(row)
        if count and true != predicted
    ]
    rows = []
    for count, true, predicted in sorted(pairs, key=lambda pair: (-pair[0], *pair[1:]))[:MOST_PAIRS]:
        words = say("classify.taken_for", true=grades.name(true), predicted=grades.name(predicted))
        ask = _ask_for(grades, "cell", true=true, predicted=predicted)
        rows.append(
            f'<tr><td><button type="button" {ask}>{escape(words)}</button></td><td class="number">{count:,}</td></tr>'
        )
    caption = escape(say("classify.pairs_caption", count=len(grades.classes)))
    return f'<div class="class-table"><table><caption>{caption}</caption><tbody>{"".join(rows)}</tbody></table></div>'


def strip_html(answers: Answers, indices: Sequence[int], heading: str, most: int = MOST_PICTURES) -> str:
    """Those pictures as buttons, right answers framed green, wrong ones red and in words."""
    return strip(heading, [_figure(answers, index) for index in indices[:most]], len(indices))


def _figure(answers: Answers, index: int) -> str:
    label, answer = int(answers.labels[index]), int(answers.predicted[index])
    true, predicted = answers.grades.name(label), answers.grades.name(answer)
    kind = "right" if label == answer else "wrong"
    sure = f"{answers.confidence[index]:.2f}"
    alt = escape(say(f"classify.strip_{kind}", true=true, predicted=predicted, sure=sure))
    is_really = "" if kind == "right" else f"<small>{escape(say('classify.is_really', true=true))}</small>"
    return (
        f'<button type="button" class="{kind}" title="{alt}" {send({"picture": index, "of": answers.grades.token})}>'
        f'<img src="{png_address(answers.images.images[index])}" alt="{alt}">'
        f"<span>{escape(predicted)} {sure}</span>{is_really}</button>"
    )
