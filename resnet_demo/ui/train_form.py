"""The Train tab's form: model, data, how long, and the rest folded away. A link or an earlier run can fill it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from ..datasets import DATASETS
from ..recipes import AUGMENTATIONS, RECIPES, Length, find_recipe
from ..runs.classroom import LONGEST_GPU_SECONDS, OVERHEAD_SECONDS
from ..runs.estimates import gpu_seconds_of
from ..specs import MODELS
from .asking import QUIET, SPOKEN
from .failures import guarded, notice
from .forms import LENGTHS, LENT_SECONDS, SECONDS, TrainForm, within
from .hand import Hand
from .links import form_like, form_of
from .page import Lab, Page
from .strings import say, translated
from .strips import strip_html
from .take import taken
from .who import Who
from .words import dataset_title, model_title, seconds_words

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
    form: dict[str, Any] = {}
    form["model"] = gr.Dropdown(
        models, value="resnet20", label=say("train.model"), elem_id="train-model",
        allow_custom_value=True,  # a network of one's own has a name that is in no list
    )  # fmt: skip
    data = [(dataset_title(name), name) for name in DATASETS]
    form["dataset"] = gr.Dropdown(data, value="fashion-mnist", label=say("train.dataset"), elem_id="train-dataset")
    strip = gr.HTML("", elem_id="train-strip")
    lengths = length_choices(lab)
    usual = "20" if lab.classroom.is_lent else "60"
    usual = usual if usual in [value for _, value in lengths] else lengths[-3][1]
    form["length"] = gr.Radio(
        lengths, value=usual, label=say("train.length"), info=longest_words(lab) or None, elem_id="train-length"
    )
    form["amount"] = gr.Number(
        2,
        label=say("train.amount"),
        info=say("train.amount_help"),
        minimum=0,
        visible=False,
        elem_id="train-amount",
    )
    start = gr.Button(start_words(lab, usual), variant="primary", elem_id="train-start")
    line = gr.HTML(f"<p>{escape(say('train.line_free'))}</p>", elem_id="train-line")
    with gr.Accordion(say("train.more"), open=False, elem_id="train-more") as fold:
        form |= _more(lab)
        link = gr.Button(say("train.link_form"), size="sm", elem_id="train-link")
    return FormParts(form, start, line, strip, fold, link)


def length_choices(lab: Lab, extra: str = "", is_teacher: bool = False) -> list[tuple[str, str]]:
    """(what one reads, value) for every length that the lab offers, with one that a link asks for among them."""
    longest = None if is_teacher else lab.classroom.longest_seconds
    seconds = within(LENT_SECONDS if lab.classroom.is_lent else SECONDS, longest)
    if extra.isdigit() and extra not in seconds and (longest is None or int(extra) <= longest):
        seconds = sorted([*seconds, extra], key=int)
    named = [(say(f"train.length_{key}") if key in SECONDS else seconds_words(int(key)), key) for key in seconds]
    return named + [(say(f"train.length_{key}"), key) for key in LENGTHS if key not in SECONDS]


def start_words(lab: Lab, length: str) -> str:
    """What the button says at first: where a GPU is lent also what the run costs of it."""
    if not lab.classroom.is_lent:
        return say("train.start")
    return say("train.start_lent", seconds=gpu_seconds_of(Length(seconds=int(length) if length.isdigit() else None)))


def cost_script() -> str:
    """`start_words` for the browser, where a GPU is lent: answers of a server may overtake each other."""
    lent, free = (json.dumps(say(f"train.start_{kind}")) for kind in ("lent", "free"))
    return f"""(length, gpus) => {{
  const asked = /^[0-9]+$/.test(length) ? +length : {LONGEST_GPU_SECONDS:g};
  return gpus ? {lent}.replace("{{seconds}}", Math.round(asked + {OVERHEAD_SECONDS:g})) : {free};
}}"""


def longest_words(lab: Lab) -> str:
    """What the lab allows, said on the form; "" where it allows everything."""
    room = lab.classroom
    if room.longest_seconds is None:
        return ""
    if room.is_lent:
        words = {"lent": seconds_words(room.longest_of(1) or 0), "longest": seconds_words(room.longest_seconds)}
        return say("train.longest_lent", **words)
    longest = seconds_words(room.longest_seconds)
    if not room.is_on:
        return say("train.longest", longest=longest)
    key = "train.longest_class" if room.everyone_gets_a_turn else "train.longest_some"
    return say(key, longest=longest, people=room.people, minutes=room.minutes)


def _more(lab: Lab) -> dict[str, Any]:
    recipe = RECIPES["budget"]
    augmentations = [(say(f"train.augment_{name}"), name) for name in AUGMENTATIONS]
    return {
        "recipe": gr.Dropdown(
            list(RECIPES),
            value=recipe.name,
            label=say("train.recipe"),
            elem_id="train-recipe",
            info=recipe_help(recipe.name),
        ),
        "lr": gr.Number(recipe.peak_lr, label=say("train.lr"), elem_id="train-lr"),
        "batch_size": gr.Number(recipe.batch_size, label=say("train.batch_size"), precision=0, elem_id="train-batch"),
        "augment": gr.CheckboxGroup(
            augmentations, value=list(recipe.augment), label=say("train.augment"), elem_id="train-augment"
        ),
        "seed": gr.Number(
            0, label=say("train.seed"), info=say("train.seed_help"), precision=0, elem_id="train-seed"
        ),
        "gpus": gr.Radio(
            gpu_choices(lab), value=1, visible=len(gpu_choices(lab)) > 1, elem_id="train-gpus",
            label=say("train.where" if lab.classroom.is_lent else "train.gpus"),
            info=say("train.where_help" if lab.classroom.is_lent else "train.gpus_help"),
        ),
    }  # fmt: skip


def gpu_choices(lab: Lab) -> list[tuple[str, int]]:
    """(what one reads, number of GPUs): how many of those here or, where one is lent, that one or the CPU."""
    if lab.classroom.is_lent:
        return [(say("train.where_gpu"), 1), (say("train.where_cpu"), 0)]
    return [(f"{count}", count) for count in range(1, lab.scheduler.slots + 1)]


def recipe_help(name: str) -> str:
    source = translated(find_recipe(name).source)
    return say("train.recipe_help", source=f"{source[0].upper()}{source[1:]}")


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

    page.wish.change(guarded(fill), page.wish, parts.filled, **QUIET)
    page.who.change(guarded(lengths), page.who, form["length"], **QUIET)
    if page.lab.classroom.is_lent:
        costs = [form["length"], form["gpus"]]
        for control in costs:
            control.change(None, costs, parts.start, js=cost_script(), **QUIET)
    ordered = [form[name] for name in ("model", "dataset", *FILLED)]
    parts.link.click(guarded(_say_copied), ordered, None, js=COPY_SETTINGS, **SPOKEN)


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
        int(form.gpus or 0) if form.gpus in [value for _, value in gpu_choices(lab)] else 1,
        gr.update(open=bool(opens)),
    ]


def like_run(page: Page) -> Any:
    """The handler that fills the form as it was for the run of the event, with half its batch if that is asked for."""

    def fill(hand: str, event: gr.EventData) -> list[Any]:
        config = taken(page.lab, str(event.run)).config
        form = form_like(config)
        if event.half:
            form = replace(form, batch_size=max(2, config.recipe.batch_size // 2))
        if getattr(event, "free", False):
            form = replace(form, gpus=0)
        notice("train.did_fill", 4)
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
    notice("frame.copied", 3)
