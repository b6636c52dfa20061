"""The Train tab: what to train and for how long, the run in hand as it goes, and the runs that are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from .acts import Acts
from .asking import QUIET, SPOKEN
from .failures import guarded, notice
from .forms import TrainForm
from .frame import holding
from .hand import Hand
from .overlay import Overlay
from .page import Page
from .run_table import RunTable, mine_of
from .shown import as_shown, shown_runs
from .strings import say, spoken
from .take import FETCH, Take
from .train_form import FormParts, build_form, like_run, wire_form
from .watch import Watch, line_words
from .who import Who

HERE = Path(__file__).parent
# Where the columns are stacked, the run would begin out of sight.
SHOW_RUN = """() => {
  const view = document.querySelector("#run-view");
  if (window.innerWidth <= 700 && view) view.scrollIntoView({block: "start"});
}"""
WORDS = (
    "stop", "leave", "classify", "classify_shipped", "progress", "log", "loss", "accuracy", "batch", "smoothed",
    "validation", "best", "best_at", "training", "step", "epoch", "seconds", "auto", "axis", "smoothing",
    "log_scale", "untick", "reconnecting", "resume", "test_now", "more_time", "more_for", "again", "rename",
    "new_name", "keep", "delete", "delete_sure", "half", "free", "along", "take_weights", "take_csv",
    "take_png", "take_svg", "link_run", "link_settings", "copied", "command", "python", "test", "tested",
)  # fmt: skip
CONTROL = {**SPOKEN, "concurrency_id": "control", "concurrency_limit": 1}


def build(page: Page) -> None:
    with gr.Row(elem_id="train", equal_height=False):
        with gr.Column(scale=1, min_width=300, elem_id="train-form"):
            parts = build_form(page.lab)
        with gr.Column(scale=3, min_width=320, elem_id="train-view"):
            view = _view(page)
    table = RunTable(page.lab)
    runs = table.component()
    file = gr.DownloadButton(say("train.take_weights"), elem_id="take-file")
    wire_form(page, parts)
    _wire_start(page, parts)
    _wire_view(page, view, file, parts)
    _wire_runs(page, parts, view, table, runs)


def _view(page: Page) -> gr.HTML:
    watch, take, comparison = Watch(page.lab), Take(page.lab), Overlay(page.lab)

    def snapshot(asked: list[str], request: gr.Request) -> str | None:
        return watch.snapshots(asked, request)

    def details(asked: list[str]) -> str:
        return take.details(asked)

    def compare(asked: list[str]) -> str:
        return comparison.html(asked)

    shown = shown_runs(Hand())
    return gr.HTML(
        shown,
        html_template="",
        js_on_load="\n".join((HERE / name).read_text(encoding="utf-8") for name in ("curves.js", "view.js")),
        server_functions=[spoken(snapshot), spoken(details), spoken(compare)],
        apply_default_css=False,
        elem_id="run-view",
        words={key: say(f"train.{key}") for key in WORDS} | {"lr": say("train.rate")},
        first=watch.snapshot(shown.split("|")[0], ""),
    )


def _wire_start(page: Page, parts: FormParts) -> None:
    lab, names = page.lab, list(parts.controls)

    def begin(request: gr.Request, hand: str, who: str, *values: Any) -> str:
        said, form = Who.of(who), TrainForm(**dict(zip(names, values)))
        config = form.config(said.owner(request))
        run = lab.scheduler.submit(config, join=lab.classroom.joins, token=said.token)
        if run.config.created != config.created or run.config.owner != config.owner:
            notice("train.joined", 8)
        return Hand.of(hand).with_(run=run.id, model=form.model, dataset=form.dataset).to_json()

    inputs = [page.hand, page.who, *parts.controls.values()]
    started = parts.start.click(guarded(begin), inputs, page.hand, **CONTROL)
    started.success(None, None, None, js=SHOW_RUN, **QUIET)


def _wire_view(page: Page, view: gr.HTML, file: gr.DownloadButton, parts: FormParts) -> None:
    lab = page.lab

    def classify(hand: str, event: gr.EventData) -> tuple[str, gr.Tabs]:
        return _choose(page, hand, event.run), gr.Tabs(selected="classify")

    def ended(hand: str, event: gr.EventData) -> str:
        return _choose(page, hand, event.run) if event.run == Hand.of(hand).run else hand

    acts = Acts(lab)
    view.act(guarded(acts.act), [page.hand, page.who], page.hand, **CONTROL)
    view.tick(guarded(acts.tick), page.hand, page.hand, **QUIET)
    view.fill(guarded(like_run(page)), page.hand, [page.hand, *parts.filled], **SPOKEN)
    view.take(guarded(Take(lab).file), None, file, **SPOKEN).success(None, file, None, js=FETCH, **QUIET)
    view.classify(guarded(classify), page.hand, [page.hand, page.tabs], **QUIET)
    view.ended(guarded(ended), page.hand, page.hand, **QUIET)
    page.hand.change(guarded(lambda hand: shown_runs(Hand.of(hand))), page.hand, view, **QUIET)


def _wire_runs(page: Page, parts: FormParts, view: gr.HTML, table: RunTable, runs: gr.HTML) -> None:
    lab = page.lab

    def choose(hand: str, event: gr.EventData) -> str:
        return _choose(page, hand, event.run)

    def turn(hand: str, who: str, request: gr.Request) -> tuple[str, str]:
        said = Who.of(who)
        line = line_words(lab, None if lab.scheduler.is_teacher(said.token) else said.owner(request))
        return f"<p>{line}</p>", table.html(as_shown(Hand.of(hand)), mine_of(lab, who, request))

    runs.choose(guarded(choose), page.hand, page.hand, **QUIET)
    runs.tick(guarded(Acts(lab).tick), page.hand, page.hand, **QUIET)
    # Whatever turned while an answer was under way is asked for after it. `gr.on` does not take gr.HTML's own events.
    asked = [page.hand, page.who], [parts.line, runs]
    gr.on((page.hand.change, page.who.change), guarded(turn), *asked, trigger_mode="always_last", **QUIET)
    view.turn(guarded(turn), *asked, trigger_mode="always_last", **QUIET)


def _choose(page: Page, hand: str, run_id: str) -> str:
    """Raises: UnknownRun, RunRefused."""
    return holding(page.lab, Hand.of(hand), str(run_id)).to_json()
