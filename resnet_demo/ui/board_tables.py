"""The class board's tables: what each network reaches on average, and the best run, by data set and length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from ..specs import MODELS
from .strings import say
from .words import accuracy, dataset_title, model_title

if TYPE_CHECKING:
    from .board import Entry

MEANS = ("data", "length", "model", "of", "mean", "range")
BEST = ("data", "length", "model", "by", "validation", "steps", "of")
NUMBERS = ("of", "mean", "range", "validation", "steps")


def best_of(found: Sequence[Entry]) -> list[tuple[Entry, int]]:
    """The best run of each data set and length, and of how many it is the best."""
    groups = _grouped(found, lambda entry: (entry.data, entry.length))
    return [(max(group, key=lambda entry: entry.validation), len(group)) for group in groups]


def means_of(found: Sequence[Entry]) -> list[list[Entry]]:
    """The runs of each data set, length and model; the models with the highest mean accuracy first."""
    alike = _grouped(found, lambda entry: (entry.data, entry.length))
    return [
        group
        for entries in alike
        for group in sorted(_grouped(entries, lambda entry: entry.model), key=mean_accuracy, reverse=True)
    ]


def mean_accuracy(group: Sequence[Entry]) -> float:
    return sum(entry.validation for entry in group) / len(group)


def _grouped(found: Iterable[Entry], key: Callable[[Entry], Any]) -> list[list[Entry]]:
    groups: dict[Any, list[Entry]] = {}
    for entry in found:
        groups.setdefault(key(entry), []).append(entry)
    return [group for _, group in sorted(groups.items())]


def tables_html(found: Sequence[Entry]) -> str:
    """Both tables, each under its heading."""
    best = [(_best_words(entry, count), entry.is_mine) for entry, count in best_of(found)]
    means = [(_mean_words(group), False) for group in means_of(found)]
    return _table("class.means", MEANS, means, say("class.means_help")) + _table("class.best", BEST, best)


def _mean_words(group: Sequence[Entry]) -> list[str]:
    first, reached = group[0], [entry.validation for entry in group]
    spread = say("class.from_to", lowest=accuracy(min(reached)), highest=accuracy(max(reached)))
    title = model_title(first.model) if first.model in MODELS else f"{model_title(first.model)} ({first.model})"
    return [
        dataset_title(first.data), first.length, title, f"{len(group):,}", accuracy(mean_accuracy(group)), spread,
    ]  # fmt: skip


def _best_words(entry: Entry, count: int) -> list[str]:
    by = say("class.mine") if entry.is_mine else entry.by or say("class.nobody")
    words = [dataset_title(entry.data), entry.length, entry.name, by]
    return [*words, accuracy(entry.validation), f"{entry.steps:,}", f"{count:,}"]


def _table(title: str, columns: Sequence[str], rows: Iterable[tuple[list[str], bool]], note: str = "") -> str:
    names = {column: say(f"class.{column}") for column in columns}
    heads = "".join(
        f"<th{_number(column)} scope='col'>{escape(name[:1].upper() + name[1:])}</th>" for column, name in names.items()
    )
    body = "".join(_row(columns, words, is_mine) for words, is_mine in rows)
    said = f"<p class='quiet'>{escape(note)}</p>" if note else ""
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    return f"<h2>{escape(say(title))}</h2>{said}<div class='sideways'>{table}</div>"


def _row(columns: Sequence[str], words: Sequence[str], is_mine: bool) -> str:
    cells = "".join(f"<td{_number(column)}>{escape(word)}</td>" for column, word in zip(columns, words))
    return f"<tr{' class=mine' if is_mine else ''}>{cells}</tr>"


def _number(column: str) -> str:
    return " class='number'" if column in NUMBERS else ""
