"""Two checkpoints side by side as HTML: accuracies, who is right, the class table, pictures with both answers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ..intervals import sign_test, wilson
from .markup import png_address, quiet, send, strip
from .strings import say

if TYPE_CHECKING:
    from .gradebook import Answers
    from .pairs import Pair

COLUMNS = ("class", "n", "first", "interval", "second", "interval", "difference", "only_first", "only_second")
MOST_PICTURES = 60


def pair_html(pair: Pair, names: Sequence[str]) -> str:
    """Both accuracies, the four counts beside them, and the class table below. `names` are the checkpoints'."""
    sides = "".join(
        _side(which, answers, name)
        for which, answers, name in zip(("first", "second"), (pair.first, pair.second), names)
    )
    split = quiet(say("classify.pair_validation")) if pair.first.grades.split == "validation" else ""
    differ = len(pair.where("differ"))
    words = _say("pair_show_differ", count=differ)
    ask = f'<button type="button" class="ask" {_ask(pair, "differ")}>{words}</button>'
    return (
        f'{split}<div class="duel"><div class="sides">{sides}</div>{_counts_html(pair)}</div>'
        f"{quiet(verdict(pair))}{_table_html(pair)}"
        f'<div class="asks">{ask if differ else ""}</div>'
    )


def _say(key: str, **fields: Any) -> str:
    return escape(say(f"classify.{key}", **fields))


def _ask(pair: Pair, kind: str, **which: int) -> str:
    return send({"show": kind, **which, "of": [pair.first.grades.token, pair.second.grades.token]})


def _side(which: str, answers: Answers, name: str) -> str:
    grades = answers.grades
    low, high = wilson(grades.correct, grades.n)
    rest = _say("pair_on", n=grades.n, data=grades.title, low=f"{low:.3f}", high=f"{high:.3f}")
    return (
        f'<div class="side"><p class="name"><b>{_say(f"pair_{which}")}</b> {escape(name)}</p>'
        f'<p class="headline"><b>{grades.accuracy:.3f}</b> <span>{rest}</span></p></div>'
    )


def _counts_html(pair: Pair) -> str:
    """The four counts: rows are the first one right and wrong, columns the second one."""
    counts = pair.counts()
    heads = "".join(f'<th scope="col">{_say(f"pair_second_{word}")}</th>' for word in ("right", "wrong"))
    rows = "".join(
        f'<tr><th scope="row">{_say(f"pair_first_{word}")}</th>'
        + "".join(f'<td><button type="button" {_ask(pair, kind)}>{counts[kind]:,}</button></td>' for kind in kinds)
        + "</tr>"
        for word, kinds in (("right", ("both", "first")), ("wrong", ("second", "neither")))
    )
    caption = _say("pair_counts")
    head = f"<caption>{caption}</caption><thead><tr><td></td>{heads}</tr></thead>"
    return f'<table class="counts">{head}<tbody>{rows}</tbody></table>'


def verdict(pair: Pair) -> str:
    """How far apart they are, and how often chance alone would put equally good ones that far apart."""
    counts, grades = pair.counts(), pair.first.grades
    first, second = counts["first"], counts["second"]
    points = 100 * (second - first) / max(1, grades.n)
    if first == second:
        return say("classify.pair_even", count=first)
    chance = 100 * sign_test(first, second)
    words = say("classify.pair_below") if chance < 0.1 else f"{chance:.1f} %"
    better = say(f"classify.pair_{'second' if second > first else 'first'}")
    return say(
        "classify.pair_verdict",
        better=better,
        points=f"{abs(points):.1f}",
        first=first,
        second=second,
        chance=words,
    )


def _table_html(pair: Pair) -> str:
    heads = "".join(
        f'<th scope="col" class="{"name" if what == "class" else "number"}">'
        f'<button type="button" data-sort>{_say(f"pair_th_{what}")}</button></th>'
        for what in COLUMNS
    )
    rows = "".join(_row(pair, index) for index in range(len(pair.first.grades.classes)))
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'{quiet(say("classify.pair_caption"))}<div class="class-table">{table}</div>'


def _row(pair: Pair, true: int) -> str:
    name = escape(pair.first.grades.name(true))
    counts = pair.counts(true)
    n = sum(counts.values())
    rights = [counts["both"] + counts[which] for which in ("first", "second")]
    difference = (rights[1] - rights[0]) / n if n else 0.0
    cells = [_number(n, f"{n:,}")]
    for right in rights:
        low, high = wilson(right, n)
        cells.append(_number(right / n if n else -1, f"{right / n:.3f}" if n else "–"))
        cells.append(_number(low if n else -1, f"{low:.3f}–{high:.3f}" if n else "–"))
    cells.append(_number(difference, f"{difference:+.3f}".replace("-", "−") if n else "–"))
    for which in ("first", "second"):
        ask = f'<button type="button" {_ask(pair, which, true=true)}>{counts[which]:,}</button>'
        cells.append(_number(counts[which], ask if counts[which] else "0"))
    return (
        f'<tr><th scope="row"><button type="button" {_ask(pair, "differ", true=true)}>{name}</button></th>'
        f"{''.join(cells)}</tr>"
    )


def _number(value: float, words: str) -> str:
    return f'<td class="number" data-v="{value:.6f}">{words}</td>'


def strip_for(pair: Pair, asked: dict[str, Any]) -> str:
    """The pictures of a kind, all of them or of one class, with a heading that says which."""
    classes, true = pair.first.grades.classes, asked.get("true")
    true = true if type(true) is int and 0 <= true < len(classes) else None
    wanted = str(asked.get("show"))
    kind = wanted if wanted in ("both", "first", "second", "neither") else "differ"
    indices = pair.where(kind, true)
    of = "" if true is None else say("classify.pair_of", true=pair.first.grades.name(true))
    heading = say(f"classify.pair_strip_{kind}", count=len(indices), of=of)
    figures = [_figure(pair, index) for index in indices[:MOST_PICTURES]]
    return strip(heading, figures, len(indices), "pairs")


def _figure(pair: Pair, index: int) -> str:
    true = _say("is_really", true=pair.first.grades.name(int(pair.first.labels[index])))
    answers = "".join(_answer(which, one, index) for which, one in zip(("first", "second"), (pair.first, pair.second)))
    tokens = [pair.first.grades.token, pair.second.grades.token]
    return (
        f'<button type="button" {send({"picture": index, "of": tokens})}>'
        f'<img src="{png_address(pair.first.images.images[index])}" alt="">{answers}<small>{true}</small></button>'
    )


def _answer(which: str, answers: Answers, index: int) -> str:
    said = escape(answers.grades.name(int(answers.predicted[index])))
    kind = "right" if answers.predicted[index] == answers.labels[index] else "wrong"
    return f'<span class="{kind}"><b>{_say(f"pair_{which}")}</b> {said} {answers.confidence[index]:.2f}</span>'
