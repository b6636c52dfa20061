"""What stands around the tabs: name, device, the thing in hand and the link to it; the hand's way to the address."""

from __future__ import annotations

import contextlib
import functools
from html import escape

import gradio as gr

from .. import __version__
from ..datasets import DATASETS
from ..errors import LabError
from ..specs import is_model
from .failures import guarded
from .hand import Hand
from .page import Lab, Page
from .strings import label, say
from .watch import RECORDED, recordings
from .words import accuracy, clock_words, dataset_title, model_title

# `lang` is left out of links: it belongs to the reader.
READ_ADDRESS = """() => {
  const words = new URLSearchParams(window.location.search), hand = {};
  for (const key of ["model", "dataset", "checkpoint", "run"]) {
    const word = words.get(key === "dataset" ? "data" : key);
    if (word) hand[key] = word;
  }
  return JSON.stringify(hand);
}"""
WRITE_ADDRESS = """(text) => {
  let hand; try { hand = JSON.parse(text); } catch { return; }
  const address = new URL(window.location.href);
  for (const key of ["model", "dataset", "checkpoint", "run"]) {
    const word = key === "dataset" ? "data" : key;
    if (hand[key]) address.searchParams.set(word, hand[key]); else address.searchParams.delete(word);
  }
  window.history.replaceState(window.history.state, "", address);
}"""
# A frame on somebody else's page, or plain http, may refuse the clipboard: the old way works there.
COPY_LINK = """async () => {
  const address = window.location.href;
  try { await navigator.clipboard.writeText(address); return []; } catch {}
  const field = Object.assign(document.createElement("textarea"), {value: address, readOnly: true});
  document.body.append(field); field.select(); document.execCommand("copy"); field.remove();
  return [];
}"""


def head() -> tuple[gr.HTML, gr.Button]:
    """The name, the device's chip and the copy-link button. -> (chip, button)"""
    with gr.Row(elem_id="head"):
        gr.HTML(
            f"<h1>{escape(label('frame.title'))}</h1><p>{escape(label('frame.tagline'))}</p>",
            elem_id="name", min_width=280,
        )  # fmt: skip
        chip = gr.HTML(chip_html(say("frame.device_wait")), elem_id="chip", min_width=120)
    return chip, gr.Button(label("frame.copy"), elem_id="copy", size="sm", render=False)


def hand_bar(copy: gr.Button) -> gr.HTML:
    with gr.Row(elem_id="in-hand"):
        bar = gr.HTML(hand_html(Hand(), say("frame.no_checkpoint")), elem_id="hand-bar")
        copy.render()
    return bar


def foot() -> None:
    gr.HTML(f"<p>{escape(say('frame.foot', version=__version__))}</p>", elem_id="foot")


def wire(demo: gr.Blocks, page: Page, chip: gr.HTML, bar: gr.HTML, copy: gr.Button) -> None:
    """The address gives the hand on load; every change of the hand goes to the bar and to the address."""
    quiet = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    demo.load(guarded(functools.partial(_known_hand, page)), page.hand, page.hand, js=READ_ADDRESS, **quiet)
    demo.load(guarded(device_chip), None, chip, **quiet)
    page.hand.change(guarded(functools.partial(_show_hand, page.lab)), page.hand, bar, **quiet)
    page.hand.change(None, page.hand, None, js=WRITE_ADDRESS, **quiet)
    # Gradio carries a notice by the queue only.
    copy.click(guarded(say_copied), None, None, js=COPY_LINK, **{**quiet, "queue": True})


def _known_hand(page: Page, text: str) -> str:
    """The hand that the address asks for, unknown words made defaults; the run in training if it names none."""
    hand, places = Hand.of(text), page.lab.scheduler.line()
    if places and not hand.run:
        return hand.with_(run=places[0].run_id).to_json()
    if hand.run and '"model"' not in text:
        with contextlib.suppress(LabError):
            return holding(page.lab, hand, hand.run).to_json()
    return hand.to_json()


def holding(lab: Lab, hand: Hand, run_id: str) -> Hand:
    """The hand after a run was chosen: its model, its data and, if it has weights and is over, its checkpoint.

    Raises: UnknownRun, RunRefused.
    """
    name = run_id.removeprefix(RECORDED)
    if name in recordings() and name != run_id:
        card = recordings()[name]
        return hand.with_(run="", checkpoint=name, model=card["model"], dataset=card["dataset"])
    run = lab.store.get(run_id)
    config = run.config
    checkpoint = run.id if run.checkpoint() and not run.status().is_active else ""
    known = {"model": config.spec.name} if is_model(config.spec.name) else {}
    known |= {"dataset": config.data} if config.data in DATASETS else {}
    return hand.with_(run=run.id, checkpoint=checkpoint, **known)


def _show_hand(lab: Lab, text: str) -> str:
    hand = Hand.of(text)
    return hand_html(hand, checkpoint_words(lab, hand))


def checkpoint_words(lab: Lab, hand: Hand) -> str:
    """The checkpoint that the hand comes to, with its accuracy: the one chosen, else one of the same model and data."""
    from . import shelf

    try:
        entry = shelf.chosen(lab, hand)
    except LabError:
        entry = None
    if entry is None or (not hand.checkpoint and (entry.model, entry.dataset) != (hand.model, hand.dataset)):
        return say("frame.no_checkpoint", hand.lang)
    is_shipped = entry.state == "shipped"
    name = say(
        "frame.shipped" if is_shipped else "frame.run_of", hand.lang, name=entry.key, when=clock_words(entry.created)
    )
    if entry.state == "running":
        return say("frame.still_training", hand.lang, name=name)
    if entry.accuracy is None:
        return name
    where = "frame.on_test" if entry.is_finished else "frame.on_validation"
    return f"{name}, {say(where, hand.lang, accuracy=accuracy(entry.accuracy))}"


def say_copied() -> None:
    gr.Info(say("frame.copied"), duration=3)


@functools.lru_cache(maxsize=1)
def device_chip() -> str:
    """Asks torch what it runs on: a second or two the first time, which is why the page does not wait for it."""
    from ..device import device_label

    return chip_html(device_label())


def chip_html(text: str) -> str:
    return f'<span class="chip" title="{escape(say("frame.device"))}">{escape(text)}</span>'


def hand_html(hand: Hand, checkpoint: str) -> str:
    """Model, data and checkpoint as three labelled words."""
    words = (
        ("frame.model", model_title(hand.model)),
        ("frame.data", dataset_title(hand.dataset)),
        ("frame.checkpoint", checkpoint),
    )
    parts = (f"<span><i>{escape(say(key, hand.lang))}</i> <b>{escape(word)}</b></span>" for key, word in words)
    return f'<div class="hand">{"".join(parts)}</div>'
