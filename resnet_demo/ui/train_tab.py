"""The Train tab: what to train and for how long, the run in hand as it goes, and the runs that are here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from ..datasets import DATASETS
from ..recipes import AUGMENTATIONS, RECIPES, find_recipe
from ..specs import MODELS
from .failures import guarded
from .forms import LENGTHS, TrainForm
from .frame import holding
from .hand import Hand
from .page import Page
from .run_table import RunTable
from .strings import label
from .strips import strip_html
from .watch import Watch, line_words, recording_for
from .words import dataset_title, model_title

CURVES = Path(__file__).with_name("curves.js")
# Where the columns are stacked, the run would begin out of sight.
SHOW_RUN = """() => {
  const view = document.querySelector("#run-view");
  if (window.innerWidth <= 700 && view) view.scrollIntoView({block: "start"});
}"""
WORDS = (
    "stop", "classify", "progress", "log", "loss", "accuracy", "batch", "smoothed", "validation", "best", "test",
    "step", "seconds", "reconnecting",
)  # fmt: skip
QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def build(page: Page) -> None:
    with gr.Row(elem_id="train", equal_height=False):
        with gr.Column(scale=1, min_width=300, elem_id="train-form"):
            form, start, line, strip = _form()
        with gr.Column(scale=3, min_width=320, elem_id="train-view"):
            watch = Watch(page.lab)
            view = _view(watch)
    table = RunTable(page.lab)
    runs = table.component()
    _wire_form(page, form, strip)
    _wire_runs(page, form, start, line, view, table, runs)


def _form() -> tuple[dict[str, Any], gr.Button, gr.HTML, gr.HTML]:
    """-> (the controls by TrainForm's field names, Start, the line beside it, the strip of pictures)"""
    models = [(model_title(name), name) for name in MODELS]
    own = {"allow_custom_value": True}  # a network of one's own has a name that is in no list
    form = {"model": gr.Dropdown(models, value="resnet20", label=label("train.model"), elem_id="train-model", **own)}
    data = [(dataset_title(name), name) for name in DATASETS]
    form["dataset"] = gr.Dropdown(data, value="fashion-mnist", label=label("train.dataset"), elem_id="train-dataset")
    strip = gr.HTML("", elem_id="train-strip")
    lengths = [(label(f"train.length_{key}"), key) for key in LENGTHS]
    form["length"] = gr.Radio(lengths, value="60", label=label("train.length"), elem_id="train-length")
    form["amount"] = gr.Number(
        2,
        label=label("train.amount"),
        info=label("train.amount_help"),
        minimum=0,
        visible=False,
        elem_id="train-amount",
    )
    start = gr.Button(label("train.start"), variant="primary", elem_id="train-start")
    line = gr.HTML(f"<p>{label('train.line_free')}</p>", elem_id="train-line")
    with gr.Accordion(label("train.more"), open=False, elem_id="train-more"):
        form |= _more()
    return form, start, line, strip


def _more() -> dict[str, Any]:
    recipe = RECIPES["budget"]
    augmentations = [(label(f"train.augment_{name}"), name) for name in AUGMENTATIONS]
    return {
        "recipe": gr.Dropdown(
            list(RECIPES),
            value=recipe.name,
            label=label("train.recipe"),
            elem_id="train-recipe",
            info=_recipe_help(recipe.name),
        ),
        "lr": gr.Number(recipe.peak_lr, label=label("train.lr"), elem_id="train-lr"),
        "batch_size": gr.Number(recipe.batch_size, label=label("train.batch_size"), precision=0, elem_id="train-batch"),
        "augment": gr.CheckboxGroup(
            augmentations, value=list(recipe.augment), label=label("train.augment"), elem_id="train-augment"
        ),
        "seed": gr.Number(
            0, label=label("train.seed"), info=label("train.seed_help"), precision=0, elem_id="train-seed"
        ),
    }


def _recipe_help(name: str) -> str:
    source = find_recipe(name).source
    return f"{source[0].upper()}{source[1:]}."


def _view(watch: Watch) -> gr.HTML:
    def snapshot(asked: list[str]) -> str | None:
        shown, since = (*map(str, asked), "", "")[:2]
        return watch.snapshot(shown, since)

    shown = recording_for(Hand().model, Hand().dataset)
    return gr.HTML(
        shown,
        html_template="",
        js_on_load=CURVES.read_text(encoding="utf-8"),
        server_functions=[snapshot],
        apply_default_css=False,
        elem_id="run-view",
        words={key: label(f"train.{key}") for key in WORDS} | {"lr": label("train.rate")},
        first=watch.snapshot(shown, ""),
    )


def _wire_form(page: Page, form: dict[str, Any], strip: gr.HTML) -> None:
    """Model and data are the hand's; a recipe brings its own rate, batch and augmentation."""
    for field in ("model", "dataset"):
        form[field].input(guarded(_take(field)), [page.hand, form[field]], page.hand, **QUIET)
    page.hand.change(guarded(_mirror), page.hand, [form["model"], form["dataset"], strip], **QUIET)
    form["length"].input(guarded(_ask_amount), form["length"], form["amount"], **QUIET)
    details = [form["recipe"], form["lr"], form["batch_size"], form["augment"]]
    form["recipe"].input(guarded(_fill_recipe), form["recipe"], details, **QUIET)


def _take(field: str) -> Any:
    def take(hand: str, value: str) -> str:
        return Hand.of(hand).with_(**{field: value}).to_json()

    return take


def _mirror(hand: str) -> tuple[str, str, str]:
    held = Hand.of(hand)
    return held.model, held.dataset, strip_html(held.dataset)


def _ask_amount(length: str) -> dict[str, Any]:
    return gr.update(visible=length in ("epochs", "steps"), value=500 if length == "steps" else 2)


def _fill_recipe(name: str) -> tuple[Any, ...]:
    recipe = find_recipe(name)
    return gr.update(info=_recipe_help(name)), recipe.peak_lr, recipe.batch_size, list(recipe.augment)


def _wire_runs(
    page: Page, form: dict[str, Any], start: gr.Button, line: gr.HTML, view: gr.HTML, table: RunTable, runs: gr.HTML
) -> None:
    lab = page.lab

    def begin(hand: str, **values: Any) -> str:
        run = lab.scheduler.submit(TrainForm(**values).config())
        return Hand.of(hand).with_(run=run.id).to_json()

    def stop(event: gr.EventData) -> None:
        lab.scheduler.stop(event.run)

    def classify(hand: str, event: gr.EventData) -> tuple[str, dict[str, Any]]:
        return choose(hand, event), gr.Tabs(selected="classify")

    def choose(hand: str, event: gr.EventData) -> str:
        return holding(lab, Hand.of(hand), event.run).to_json()

    def ended(hand: str, event: gr.EventData) -> str:
        held = Hand.of(hand)
        return choose(hand, event) if event.run == held.run else hand

    def shown(hand: str) -> str:
        held = Hand.of(hand)
        return held.run or recording_for(held.model, held.dataset)

    def turn(hand: str) -> tuple[str, str]:
        return f"<p>{line_words(lab)}</p>", table.html(Hand.of(hand).run)

    inputs = {"hand": page.hand, **form}
    started = start.click(
        guarded(begin), outputs=page.hand, inputs_kwargs=inputs, concurrency_id="control", concurrency_limit=1,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
    started.success(None, None, None, js=SHOW_RUN, **QUIET)
    view.stop(guarded(stop), None, None, **QUIET)
    view.classify(guarded(classify), page.hand, [page.hand, page.tabs], **QUIET)
    view.ended(guarded(ended), page.hand, page.hand, **QUIET)
    runs.choose(guarded(choose), page.hand, page.hand, **QUIET)
    page.hand.change(guarded(shown), page.hand, view, **QUIET)
    for changed in (page.hand.change, view.turn):
        changed(guarded(turn), page.hand, [line, runs], **QUIET)
