"""The runs that are here as a table: a click shows one."""

from __future__ import annotations

from html import escape

import gradio as gr

from ..errors import LabError
from ..runs.store import Run
from .page import Lab
from .strings import say
from .words import accuracy, clock_words, dataset_title, length_words, model_title

MOST_ROWS = 30
COLUMNS = ("when", "model", "data", "length", "steps", "validation", "test", "status")
NUMBERS = ("steps", "validation", "test")
CLICKED = """element.addEventListener("click", event => {
  const row = event.target.closest("[data-run]");
  if (row) trigger("choose", {run: row.dataset.run});
});"""


class RunTable:
    """Rows are read from the store each time; runs that cannot be read are passed over."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def component(self) -> gr.HTML:
        return gr.HTML(self.html(""), js_on_load=CLICKED, apply_default_css=False, elem_id="run-table")

    def html(self, chosen: str) -> str:
        """The table with the run `chosen` marked."""
        rows = [row for run in self.lab.store.runs()[:MOST_ROWS] if (row := _row(run, run.id == chosen))]
        title = f"<h3>{escape(say('train.runs'))}</h3>"
        if not rows:
            return f"{title}<p class='quiet'>{escape(say('train.runs_empty'))}</p>"
        heads = "".join(
            f"<th class='{_look(name)}' scope='col'>{escape(say(f'train.col_{name}'))}</th>" for name in COLUMNS
        )
        body = f"<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody>"
        return f"{title}<div class='sideways'><table>{body}</table></div>"


def _row(run: Run, is_chosen: bool) -> str:
    try:
        config, status, history = run.config, run.status(), run.history()
    except LabError:
        return ""
    when, model = clock_words(config.created), model_title(config.spec.name)
    best, finished = history.best, history.finished
    cells = {
        "model": escape(model),
        "data": escape(dataset_title(config.data)),
        "length": escape(length_words(config.length)),
        "steps": "" if status.is_active else f"{history.step:,}",
        "validation": "" if status.is_active else accuracy(best.accuracy if best else None),
        "test": "" if status.is_active else accuracy(finished.test_accuracy if finished else None),
        "status": f"<i class='{status.state}'></i>{escape(say(f'train.status_{status.state}'))}",
    }
    label = escape(say("train.show", model=model, when=when))
    first = f"<td><button data-run='{escape(run.id)}' aria-label='{label}'>{escape(when)}</button></td>"
    rest = "".join(f"<td class='{_look(name)}'>{text}</td>" for name, text in cells.items())
    mark = " class='chosen' aria-current='true'" if is_chosen else ""
    return f"<tr{mark} data-run='{escape(run.id)}'>{first}{rest}</tr>"


def _look(name: str) -> str:
    return f"{name} number" if name in NUMBERS else name
