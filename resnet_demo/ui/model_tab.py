"""The Model tab: pick a family, a depth and a shortcut, and see the network, what it costs and which one it is."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ..specs import MODELS, ResNetSpec, find_model, plain_twin
from .drawing import draw
from .failures import guarded, sentence
from .figures import figures_html, time_html, which_one
from .hand import Hand
from .page import Page
from .strings import label, say
from .words import model_title

QUIET = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# The families as the page offers them; the notebooks' and the speed records' stand under one head.
FAMILIES = {
    "cifar": ("cifar",),
    "imagenet": ("imagenet",),
    "cifar-stem": ("cifar-stem",),
    "notebook": ("notebook", "speed"),
}
# Gradio drops container queries from style sheets, so this one travels with the drawing.
NARROW = (
    "@container (max-width: 560px) { .network .across { display: none } .network .down { display: block !important } }"
)
MEASURE = Path(__file__).with_name("measure.js")

# A block chosen in the drawing is shown by the Layers tab, which may not have been opened yet.
CHOOSE = """
const choose = (event) => {
  const block = event.target.closest('[data-path]');
  if (!block || (event.type === 'keydown' && event.key !== 'Enter')) return;
  window.labBlock = block.dataset.path;
  window.dispatchEvent(new Event('lab-block'));
  trigger('choose');
};
element.addEventListener('click', choose);
element.addEventListener('keydown', choose);
"""


def build(page: Page) -> None:
    spec = find_model(Hand().model)
    with gr.Row(elem_id="model", equal_height=False):
        with gr.Column(scale=1, min_width=300, elem_id="model-form"):
            controls = _controls(spec)
            train = gr.Button(label("model.train"), variant="primary", elem_id="model-train")
            layers = gr.Button(label("model.see_layers"), elem_id="model-layers")
        with gr.Column(scale=3, min_width=320, elem_id="model-view"):
            picture = gr.HTML(picture_html(spec), js_on_load=CHOOSE, elem_id="model-picture", apply_default_css=False)
            figures = _figures(page, spec)
            words = gr.HTML(words_html(spec), elem_id="model-words", apply_default_css=False)
    _wire(page, controls, train, layers, [picture, figures, words])


def _controls(spec: ResNetSpec) -> list[gr.Radio]:
    families = [(label(f"model.family_{name}"), name) for name in FAMILIES]
    switch = [(label("model.residual"), "residual"), (label("model.plain"), "plain")]
    return [
        gr.Radio(families, value=family_of(spec), label=label("model.family"), elem_id="model-family"),
        gr.Radio(depths(family_of(spec)), value=residual_name(spec), label=label("model.depth"), elem_id="model-depth"),
        gr.Radio(
            switch,
            value="residual",
            label=label("model.shortcut"),
            info=label("model.shortcut_help"),
            elem_id="model-shortcut",
        ),
    ]


def _figures(page: Page, spec: ResNetSpec) -> gr.HTML:
    one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="measure")

    async def measure(asked: list[str]) -> str:
        return await measured_html(page, one_at_a_time, str(asked[0]) if asked else "")

    return gr.HTML(
        figures_html(spec, time_html(None, spec)),
        js_on_load=MEASURE.read_text(encoding="utf-8"),
        server_functions=[measure],
        apply_default_css=False,
        elem_id="model-figures",
    )


async def measured_html(page: Page, pool: ThreadPoolExecutor, name: str) -> str:
    """What a picture costs here, measured now if nobody asked before; a reason why not while a run trains."""
    spec = MODELS.get(name)
    if spec is None:
        return ""
    if page.lab.scheduler is not None and page.lab.scheduler.line():
        return time_html(None, spec, say("model.time_busy"))
    from ..timing import step_time

    try:
        return time_html(await asyncio.get_running_loop().run_in_executor(pool, step_time, spec), spec)
    except Exception as error:  # a card that is full, a device that fails: the page goes on without the figure
        return time_html(None, spec, sentence(error))


def _wire(page: Page, controls: list[gr.Radio], train: gr.Button, layers: gr.Button, view: list[gr.HTML]) -> None:
    """The controls write to the hand; the hand paints everything, controls included."""
    family, depth, shortcut = controls
    family.input(guarded(take_family), [page.hand, family, shortcut], page.hand, **QUIET)
    for control in (depth, shortcut):
        control.input(guarded(take_model), [page.hand, depth, shortcut], page.hand, **QUIET)
    page.hand.change(guarded(show), page.hand, [*controls, *view], **QUIET)
    train.click(lambda: gr.Tabs(selected="train"), None, page.tabs, **QUIET)
    for see_layers in (layers.click, view[0].choose):
        see_layers(lambda: gr.Tabs(selected="layers"), None, page.tabs, **QUIET)


def take_family(hand: str, family: str, shortcut: str) -> str:
    """The model of that family that is most like the one in hand: of the same depth if there is one."""
    held = Hand.of(hand)
    names = [name for _, name in depths(family)]
    depth = find_model(held.model).depth
    nearest = next((name for name in names if MODELS[name].depth == depth), names[0])
    return _take(held, nearest, shortcut)


def take_model(hand: str, name: str, shortcut: str) -> str:
    return _take(Hand.of(hand), name, shortcut)


def _take(held: Hand, name: str, shortcut: str) -> str:
    """Another model has no checkpoint in hand yet; the run on show goes on."""
    spec = find_model(name)
    if shortcut == "plain" and has_twin(spec):
        spec = plain_twin(spec)
    if spec.name == held.model:
        return held.to_json()
    return held.with_(model=spec.name, checkpoint="").to_json()


def show(hand: str) -> tuple[Any, ...]:
    """Controls, drawing, figures and words for the model in hand."""
    held = Hand.of(hand)
    spec = find_model(held.model)
    residual = MODELS[residual_name(spec)]
    return (
        family_of(spec),
        gr.Radio(choices=depths(family_of(spec)), value=residual.name),
        gr.Radio(value="plain" if spec.is_plain else "residual", interactive=has_twin(residual)),
        picture_html(spec, held.lang),
        figures_html(spec, time_html(None, spec, lang=held.lang), held.lang),
        words_html(spec, held.lang),
    )


def family_of(spec: ResNetSpec) -> str:
    return next(name for name, families in FAMILIES.items() if spec.family in families)


def depths(family: str) -> list[tuple[str, str]]:
    """What the buttons of a family say, and the residual models they stand for."""
    names = [s.name for s in MODELS.values() if s.family in FAMILIES.get(family, ()) and not s.is_plain]
    return [
        (label(f"model.button_{name}") if family == "notebook" else str(MODELS[name].depth), name) for name in names
    ]


def residual_name(spec: ResNetSpec) -> str:
    return spec.name.replace("plain", "resnet")


def has_twin(spec: ResNetSpec) -> bool:
    return spec.name.replace("resnet", "plain") in MODELS


def picture_html(spec: ResNetSpec, lang: str = "en") -> str:
    """The drawing in both shapes, of which the style sheet shows the one that fits, and what to see in it."""
    note = say("draw.arcs_none" if spec.is_plain else "draw.arcs", lang)
    ways = "".join(
        f'<div class="{way}">{draw(spec, way=way, lang=lang)}'
        f"<figcaption>{escape(say(f'draw.{way}', lang))} {escape(note)}</figcaption></div>"
        for way in ("across", "down")
    )
    return f'<figure class="network"><style>{NARROW}</style><h3>{escape(model_title(spec.name))}</h3>{ways}</figure>'


def words_html(spec: ResNetSpec, lang: str = "en") -> str:
    source = say("model.source", lang, source=spec.source)
    return f'<p class="which">{escape(which_one(spec, lang))}</p><p class="quiet">{escape(source)}</p>'
