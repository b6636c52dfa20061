"""The Train tab's form: model, data, how long, and the rest folded away. A link or an earlier run can fill it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from ..datasets import DATASETS
from ..recipes import AUGMENTATIONS, RECIPES, find_recipe
from ..specs import MODELS
from .failures import guarded
from .forms import LENGTHS, SECONDS, TrainForm, within
from .hand import Hand
from .links import form_like, form_of
from .page import Lab, Page
from .strings import label, say
from .strips import strip_html
from .take import taken
from .who import Who
from .words import dataset_title, model_title, seconds_words

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
FILLED = ("length", "amount", "recipe", "lr", "batch_size", "augment", "seed", "gpus")  # by a link
# In the browser alone: whoever clicks Start at once gets what is in hand, however slow the server is.
MIRROR = "(text) => { const hand = JSON.parse(text); return [hand.model, hand.dataset]; }"
COPY_SETTINGS = """(model, data, length, amount, recipe, lr, batch, augment, seed, gpus) => {
  const address = new URL(window.location.href), kind = /^[0-9]+$/.test(length) ? "seconds" : length;
  const said = {
    model, data, recipe, [kind]: kind === "seconds" ? length : amount, batch, lr, augment: augment.join(","), seed,
    gpus: gpus > 1 ? gpus : null,
  }, hide = address.searchParams.get("hide");
  const words = Object.entries(said).filter(([, value]) => value !== null && value !== "");
  address.search = "?" + new URLSearchParams(words);
  if (hide) address.searchParams.set("hide", hide);
  const text = address.href, old = () => {
    const field = Object.assign(document.createElement("textarea"), {value: text, readOnly: true});
    document.body.append(field); field.select(); document.execCommand("copy"); field.remove();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).catch(old); else old();
  return [];
}"""


@dataclass(frozen=True)
class FormParts:
    """`controls` are named as TrainForm's fields; `line` stands beside Start; most controls lie in `fold`."""

    controls: dict[str, Any]
    start: gr.Button
    line: gr.HTML
    strip: gr.HTML
    fold: gr.Accordion
    link: gr.Button

    @property
    def filled(self) -> list[Any]:
        return [*(self.controls[name] for name in FILLED), self.fold]


def build_form(lab: Lab) -> FormParts:
    models = [(model_title(name), name) for name in MODELS]
    own = {"allow_custom_value": True}  # a network of one's own has a name that is in no list
    form = {"model": gr.Dropdown(models, value="resnet20", label=label("train.model"), elem_id="train-model", **own)}
    data = [(dataset_title(name), name) for name in DATASETS]
    form["dataset"] = gr.Dropdown(data, value="fashion-mnist", label=label("train.dataset"), elem_id="train-dataset")
    strip = gr.HTML("", elem_id="train-strip")
    lengths = length_choices(lab)
    usual = "60" if "60" in dict(map(reversed, lengths)) else lengths[-3][1]
    form["length"] = gr.Radio(
        lengths, value=usual, label=label("train.length"), info=longest_words(lab) or None, elem_id="train-length"
    )
    form["amount"] = gr.Number(
        2,
        label=label("train.amount"),
        info=label("train.amount_help"),
        minimum=0,
        visible=False,
        elem_id="train-amount",
    )
    start = gr.Button(label("train.start"), variant="primary", elem_id="train-start")
    line = gr.HTML(f"<p>{escape(label('train.line_free'))}</p>", elem_id="train-line")
    with gr.Accordion(label("train.more"), open=False, elem_id="train-more") as fold:
        form |= _more(lab)
        link = gr.Button(label("train.link_form"), size="sm", elem_id="train-link")
    return FormParts(form, start, line, strip, fold, link)


def length_choices(lab: Lab, extra: str = "", is_teacher: bool = False) -> list[tuple[str, str]]:
    """(what one reads, value) for every length that the lab offers, with one that a link asks for among them."""
    longest = None if is_teacher else lab.classroom.longest_seconds
    seconds = within(SECONDS, longest)
    if extra.isdigit() and extra not in seconds and (longest is None or int(extra) <= longest):
        seconds = sorted([*seconds, extra], key=int)
    named = [(label(f"train.length_{key}") if key in SECONDS else seconds_words(int(key)), key) for key in seconds]
    return named + [(label(f"train.length_{key}"), key) for key in LENGTHS if key not in SECONDS]


def longest_words(lab: Lab) -> str:
    """What the lab allows, said on the form; "" where it allows everything."""
    room = lab.classroom
    if room.longest_seconds is None:
        return ""
    longest = seconds_words(room.longest_seconds)
    if not room.is_on:
        return say("train.longest", longest=longest)
    key = "train.longest_class" if room.everyone_gets_a_turn else "train.longest_some"
    return say(key, longest=longest, people=room.people, minutes=room.minutes)


def _more(lab: Lab) -> dict[str, Any]:
    recipe, slots = RECIPES["budget"], lab.scheduler.slots
    augmentations = [(label(f"train.augment_{name}"), name) for name in AUGMENTATIONS]
    return {
        "recipe": gr.Dropdown(
            list(RECIPES),
            value=recipe.name,
            label=label("train.recipe"),
            elem_id="train-recipe",
            info=recipe_help(recipe.name),
        ),
        "lr": gr.Number(recipe.peak_lr, label=label("train.lr"), elem_id="train-lr"),
        "batch_size": gr.Number(recipe.batch_size, label=label("train.batch_size"), precision=0, elem_id="train-batch"),
        "augment": gr.CheckboxGroup(
            augmentations, value=list(recipe.augment), label=label("train.augment"), elem_id="train-augment"
        ),
        "seed": gr.Number(
            0, label=label("train.seed"), info=label("train.seed_help"), precision=0, elem_id="train-seed"
        ),
        "gpus": gr.Radio(
            [(f"{count}", count) for count in range(1, slots + 1)], value=1, visible=slots > 1,
            label=label("train.gpus"), info=label("train.gpus_help"), elem_id="train-gpus",
        ),
    }  # fmt: skip


def recipe_help(name: str) -> str:
    source = find_recipe(name).source
    return f"{source[0].upper()}{source[1:]}."


def wire_form(page: Page, parts: FormParts) -> None:
    """Model and data are the hand's; a recipe brings its own rate, batch and augmentation; a link fills all."""
    form = parts.controls
    for field in ("model", "dataset"):
        form[field].input(guarded(_take(field)), [page.hand, form[field]], page.hand, **QUIET)
    page.hand.change(None, page.hand, [form["model"], form["dataset"]], js=MIRROR, **QUIET)
    page.hand.change(guarded(lambda hand: strip_html(Hand.of(hand).dataset)), page.hand, parts.strip, **QUIET)
    form["length"].input(guarded(_ask_amount), form["length"], form["amount"], **QUIET)
    details = [form["recipe"], form["lr"], form["batch_size"], form["augment"]]
    form["recipe"].input(guarded(_fill_recipe), form["recipe"], details, **QUIET)

    def fill(wish: str) -> list[Any]:
        return filled(page.lab, form_of(wish), True) if wish else [gr.skip()] * len(parts.filled)

    def lengths(who: str) -> dict[str, Any]:
        is_teacher = page.lab.scheduler.is_teacher(Who.of(who).token)
        return gr.update(choices=length_choices(page.lab, is_teacher=True)) if is_teacher else gr.skip()

    spoken = {"show_progress": "hidden", "api_visibility": "private"}
    page.wish.change(guarded(fill), page.wish, parts.filled, **spoken)
    page.who.change(guarded(lengths), page.who, form["length"], **QUIET)
    ordered = [form[name] for name in ("model", "dataset", *FILLED)]
    parts.link.click(guarded(_say_copied), ordered, None, js=COPY_SETTINGS, **spoken)


def filled(lab: Lab, form: TrainForm, opens: object) -> list[Any]:
    """Updates for the controls named in FILLED and the fold that holds most of them."""
    choices = length_choices(lab, form.length)
    known = [value for _, value in choices]
    length = form.length if form.length in known else known[-3]
    is_counted = length in ("epochs", "steps")
    return [
        gr.update(choices=choices, value=length),
        gr.update(visible=is_counted, value=form.amount if is_counted and form.amount else 2),
        gr.update(value=form.recipe, info=recipe_help(form.recipe)),
        form.lr,
        form.batch_size,
        list(form.augment or ()),
        form.seed,
        int(form.gpus) if form.gpus in range(1, lab.scheduler.slots + 1) else 1,
        gr.update(open=bool(opens)),
    ]


def like_run(page: Page) -> Any:
    """The handler that fills the form as it was for the run of the event, with half its batch if that is asked for."""

    def fill(hand: str, event: gr.EventData) -> list[Any]:
        config = taken(page.lab, str(event.run)).config
        form = form_like(config)
        if event.half:
            form = replace(form, batch_size=max(2, config.recipe.batch_size // 2))
        gr.Info(say("train.did_fill"), duration=4)
        held = Hand.of(hand).with_(model=form.model, dataset=form.dataset).to_json()
        return [held, *filled(page.lab, form, True)]

    return fill


def _take(field: str) -> Any:
    def take(hand: str, value: str) -> str:
        return Hand.of(hand).with_(**{field: value}).to_json()

    return take


def _ask_amount(length: str) -> dict[str, Any]:
    return gr.update(visible=length in ("epochs", "steps"), value=500 if length == "steps" else 2)


def _fill_recipe(name: str) -> tuple[Any, ...]:
    recipe = find_recipe(name)
    return gr.update(info=recipe_help(name)), recipe.peak_lr, recipe.batch_size, list(recipe.augment)


def _say_copied(*_: Any) -> None:
    gr.Info(say("frame.copied"), duration=3)
