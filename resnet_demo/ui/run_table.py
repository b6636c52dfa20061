"""The runs that are here as a table, one's own first: a click shows one, a tick lays it over the one shown."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any

import gradio as gr

from ..errors import LabError
from ..home import is_passing
from ..recipes import Length
from ..runs.store import Run
from .hand import Hand
from .page import Lab
from .recordings import RECORDED, recordings
from .shown import as_shown
from .strings import say
from .who import acting, is_crowd
from .words import accuracy, clock_words, dataset_title, length_words, model_title

MOST_ROWS = 40
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A8A8A")  # as in curves.js
COLUMNS = ("when", "model", "owner", "data", "length", "steps", "validation", "test", "status")
NUMBERS = ("steps", "validation", "test")
CLICKED = """
const root = document.documentElement;
try { root.dataset.labRuns = localStorage.getItem("resnet-lab-runs") || "all"; } catch { root.dataset.labRuns = "all"; }
element.addEventListener("change", event => {
  const tick = event.target.closest("[data-tick]");
  if (tick) trigger("tick", {run: tick.dataset.tick, on: tick.checked});
});
element.addEventListener("click", event => {
  const whose = event.target.closest("[data-whose]");
  if (whose) {
    root.dataset.labRuns = whose.dataset.whose;
    try { localStorage.setItem("resnet-lab-runs", whose.dataset.whose); } catch { /* for this page only */ }
    return;
  }
  if (event.target.closest("td.tick")) return;
  const row = event.target.closest("[data-run]");
  if (row) trigger("choose", {run: row.dataset.run});
});"""


class RunTable:
    """Rows are read from the store each time; runs that cannot be read are passed over."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def component(self) -> gr.HTML:
        return gr.HTML(self.html(as_shown(Hand())), js_on_load=CLICKED, apply_default_css=False, elem_id="run-table")

    def html(self, hand: Hand, is_mine: Callable[[Run], bool] = lambda run: False) -> str:
        """The table with the run in hand marked and those laid over it ticked."""
        runs = self.lab.store.runs()
        mine = [run for run in runs if is_mine(run)][:MOST_ROWS]
        own = {run.id for run in mine}
        others = [run for run in runs if run.id not in own][:MOST_ROWS]
        rows = [_row(run, hand, run.id in own) for run in [*mine, *others]]
        rows += [_recorded(name, card, hand) for name, card in recordings().items()]
        title = f"<h2>{escape(say('train.runs'))}</h2>"
        if not any(rows):
            return f"<div class='runs-head'>{title}</div><p class='quiet'>{escape(say('train.runs_empty'))}</p>"
        switch = _switch() if mine and others else ""
        help_line = f"<p class='quiet'>{escape(say('train.runs_help'))}</p>" if len(rows) > 1 else ""
        help_line += f"<p class='quiet'>{escape(kept)}</p>" if (kept := kept_words(self.lab)) else ""
        heads = "".join(
            f"<th class='{_look(name)}' scope='col'>{escape(say(f'train.col_{name}'))}</th>" for name in COLUMNS
        )
        first = f"<th class='tick' scope='col'><span class='sr-only'>{escape(say('train.col_tick'))}</span></th>"
        body = f"<thead><tr>{first}{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
        is_mixed = " class='mixed'" if switch else ""
        table = f"<div class='sideways'><table{is_mixed}>{body}</table></div>"
        return f"<div class='runs-head'>{title}{switch}</div>{help_line}{table}"


def kept_words(lab: Lab) -> str:
    """How long a run stays, where that is not for the owner of this machine to decide; "" elsewhere."""
    if is_passing(lab.root):
        return say("train.kept_passing")
    room = lab.classroom
    if not is_crowd(lab) or not (room.keep_runs or room.disk_gb):
        return ""
    kind = "both" if room.keep_runs and room.disk_gb else "runs" if room.keep_runs else "disk"
    kept = say(f"train.kept_{kind}", runs=room.keep_runs, gigabytes=f"{room.disk_gb:g}")
    return kept if room.is_public else f"{kept} {say('train.kept_own')}"


def mine_of(lab: Lab, who: str, request: gr.Request | None) -> Callable[[Run], bool]:
    """Whether a run is this visitor's; the teacher's token makes nobody's runs the teacher's own."""

    def is_mine(run: Run) -> bool:
        try:
            return lab.scheduler.is_owner(run, acting(lab, who, request, run))
        except LabError:
            return False

    return is_mine


def _switch() -> str:
    buttons = (
        f"<button type='button' data-whose='{whose}'>{escape(say(f'train.whose_{whose}'))}</button>"
        for whose in ("mine", "all")
    )
    return f"<span class='whose' role='group'>{''.join(buttons)}</span>"


def _row(run: Run, hand: Hand, is_mine: bool) -> str:
    try:
        config, status, history = run.config, run.status(), run.history()
    except LabError:
        return ""
    best, finished = history.best, history.finished
    cells = {
        "model": config.title or model_title(config.spec.name),
        "owner": say("train.you") if is_mine else config.owner.name or "–",
        "data": dataset_title(config.data),
        "length": length_words(config.length),
        "steps": "" if status.is_active else f"{history.step:,}",
        "validation": "" if status.is_active else accuracy(best.accuracy if best else None),
        "test": "" if status.is_active else accuracy(finished.test_accuracy if finished else None),
    }
    return _cells(run.id, clock_words(config.created), cells, status.state, hand, "mine" if is_mine else "other")


def _recorded(name: str, card: dict[str, Any], hand: Hand) -> str:
    test = (card.get("test") or {}).get("accuracy")
    cells = {
        "model": model_title(card["model"]),
        "owner": "–",
        "data": dataset_title(str(card["dataset"])),
        "length": length_words(Length(**card["length"])),
        "steps": "",  # the card has those of its weights, which are the best and need not be the last
        "validation": accuracy(card.get("validation_accuracy")),
        "test": accuracy(test),
    }
    return _cells(RECORDED + name, say("train.shipped"), cells, "recorded", hand, "other")


def _cells(key: str, when: str, cells: dict[str, str], state: str, hand: Hand, look: str) -> str:
    is_chosen = hand.run == key
    label = escape(say("train.show", model=cells["model"], when=when))
    first = f"<td class='when'><button data-run='{escape(key)}' aria-label='{label}'>{escape(when)}</button></td>"
    rest = "".join(f"<td class='{_look(name)}'>{escape(text)}</td>" for name, text in cells.items())
    last = f"<td class='status'><i class='{state}'></i>{escape(say(f'train.status_{state}'))}</td>"
    classes = f"{look} chosen' aria-current='true" if is_chosen else look
    return f"<tr class='{classes}' data-run='{escape(key)}'>{_tick(key, hand, cells['model'])}{first}{rest}{last}</tr>"


def _tick(key: str, hand: Hand, model: str) -> str:
    place = hand.compared.index(key) if key in hand.compared else -1
    colour = COLOURS[place % len(COLOURS)]
    checked = f" checked style='background-color:{colour};border-color:{colour}'" if place >= 0 else ""
    label = escape(say("train.tick", model=model))
    return f"<td class='tick'><input type='checkbox' data-tick='{escape(key)}' aria-label='{label}'{checked}></td>"


def _look(name: str) -> str:
    return f"{name} number" if name in NUMBERS else name
