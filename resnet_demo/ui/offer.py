"""ImageNet weights that are not on this machine: how large they are, said before anything is fetched; then fetched."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from .. import imagenet
from ..errors import LabError
from . import shelf
from .asking import QUIET
from .failures import guarded, sentence
from .hand import Hand
from .markup import LISTEN, alert, quiet, send, sent
from .page import Lab, Page
from .strings import say
from .telling import told_by

FETCH: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "fetch", "concurrency_limit": 2}


@dataclass(frozen=True)
class Offer:
    """The handlers over one lab. What is in hand stays there until other weights are on the disk."""

    lab: Lab

    def show(self, hand: str, key: Any) -> tuple[str, Any]:
        """-> (the offer if these weights are not here, else nothing; the checkpoint in hand for the list of them)"""
        held = Hand.of(hand)
        if not is_absent(key):
            return "", gr.skip()
        return offer_html(imagenet.WEIGHTS[key]), gr.update(value=self._in_hand(held))

    def follow(self, hand: str, event: gr.EventData) -> Any:
        """The same for a button that offers a checkpoint."""
        key = sent(event).get("use")
        return self.show(hand, key)[0] if isinstance(key, str) else gr.skip()

    # No default for the event: Gradio would take it for one of the inputs.
    def act(self, hand: str, event: gr.EventData, progress: gr.Progress = gr.Progress()) -> tuple[str, Any]:
        """What the offer's buttons do. -> (the offer, or nothing once it is settled; the hand)"""
        held, key = Hand.of(hand), sent(event).get("fetch")
        if not isinstance(key, str) or key not in imagenet.WEIGHTS:
            return "", gr.skip()
        try:
            imagenet.obtain(key, told_by(progress))
        except LabError as error:
            return alert(sentence(error)) + _buttons(key, "classify.offer_again"), gr.skip()
        return "", held.with_(checkpoint=key, model=imagenet.WEIGHTS[key].model).to_json()

    def _in_hand(self, held: Hand) -> str | None:
        try:
            entry = shelf.chosen(self.lab, held)
        except LabError:
            return None
        return entry.key if entry else None


def is_absent(key: Any) -> bool:
    """Whether these are ImageNet weights that would have to be downloaded."""
    return isinstance(key, str) and key in imagenet.WEIGHTS and not imagenet.WEIGHTS[key].path().is_file()


def offer_html(weights: imagenet.WeightFile) -> str:
    """What is to be downloaded from where, under which terms, and the two answers."""
    host = urlsplit(weights.url).hostname or ""
    words = say("classify.offer", title=weights.title, mb=weights.size_mb, host=host)
    terms = say("classify.offer_terms", licence=imagenet.LICENCE)
    return f"<p>{escape(words)}</p>{quiet(terms)}{_buttons(weights.name, 'classify.offer_get')}"


def _buttons(key: str, words: str) -> str:
    get = escape(say(words, mb=imagenet.WEIGHTS[key].size_mb))
    leave = escape(say("classify.offer_not"))
    return (
        f'<div class="asks"><button type="button" class="ask primary" {send({"fetch": key})}>{get}</button>'
        f'<button type="button" class="ask" {send({"fetch": None})}>{leave}</button></div>'
    )


def reported_html(entry: shelf.Entry) -> str:
    """What torchvision says of how good these weights are, in place of figures measured here."""
    reported = imagenet.WEIGHTS[entry.key].card()["reported"]
    figures = {"accuracy": f"{reported['accuracy']:.1%}", "top5": f"{reported['top5']:.1%}"}
    words = say("classify.reported", n=reported["n"], source=reported["source"], **figures)
    return f"<p>{escape(words)}</p>{quiet(say('classify.reported_own'))}"


def place() -> gr.HTML:
    """Where the offer will stand; empty until it is made."""
    return gr.HTML(js_on_load=LISTEN, elem_id="classify-offer", apply_default_css=False)


def wire(page: Page, offer: gr.HTML, checkpoint: gr.Dropdown, bars: gr.HTML) -> None:
    """Makes the offer wherever a checkpoint is chosen that is not here."""
    do = Offer(page.lab)
    checkpoint.input(guarded(do.show), [page.hand, checkpoint], [offer, checkpoint], preprocess=False, **QUIET)
    bars.click(guarded(do.follow), page.hand, offer, **QUIET)
    page.hand.change(guarded(lambda: ""), None, offer, **QUIET)
    offer.click(guarded(do.act), page.hand, [offer, page.hand], show_progress_on=offer, **FETCH)
