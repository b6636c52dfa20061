"""What stands around the tabs: name, device, the thing in hand and the link to it; the hand's way to the address."""

from __future__ import annotations

import contextlib
import functools
import json
from html import escape
from pathlib import Path

import gradio as gr

from .. import __version__
from ..datasets import DATASETS
from ..errors import LabError
from ..runs.config import Owner
from ..specs import is_model
from .asking import QUIET, SPOKEN
from .failures import guarded, notice
from .hand import Hand
from .links import HIDEABLE, SETTINGS
from .page import Lab, Page, is_lent
from .recordings import RECORDED, recordings
from .strings import kept_by_language, say, translated
from .tongue import switch
from .who import READ_WHO, Who, acting, signed_name
from .words import accuracy, clock_words, dataset_title, model_title

WHO = Path(__file__).with_name("who.js")
# The hand's fields that stand in the address, under the words they have there.
KEPT = {"model": "model", "dataset": "data"} | {key: key for key in ("checkpoint", "run", "compare", "beside")}
_NAMES = f"const KEPT = {json.dumps(KEPT)}, SETTINGS = {json.dumps(SETTINGS)}, HIDEABLE = {json.dumps(HIDEABLE)};"
# -> [hand, who, wish, lesson]; controls that the link hides are hidden. `lang` is left out: it belongs to the reader.
READ_ADDRESS = (
    f"() => {{ {_NAMES} {READ_WHO}"
    + """
  const words = new URLSearchParams(window.location.search), hand = {}, wish = {};
  for (const [key, word] of Object.entries(KEPT)) if (words.get(word)) hand[key] = words.get(word);
  for (const word of SETTINGS) if (words.get(word)) wish[word] = words.get(word);
  const hidden = (words.get("hide") || "").split(",").filter(word => Object.hasOwn(HIDEABLE, word));
  if (hidden.length) {
    const style = document.createElement("style");
    style.textContent = hidden.map(word => HIDEABLE[word]).join(", ") + " { display: none !important; }";
    document.head.append(style);
  }
  return [JSON.stringify(hand), readWho(), Object.keys(wish).length ? JSON.stringify(wish) : "",
    words.get("lesson") || ""];
}"""
)
WRITE_ADDRESS = (
    f"(text) => {{ {_NAMES}"
    + """
  let hand; try { hand = JSON.parse(text); } catch { return; }
  const address = new URL(window.location.href);
  for (const [key, word] of Object.entries(KEPT))
    if (hand[key]) address.searchParams.set(word, hand[key]); else address.searchParams.delete(word);
  window.history.replaceState(window.history.state, "", address);
}"""
)
# A frame on somebody else's page, or plain http, may refuse the clipboard: the old way works there.
COPY_LINK = """async () => {
  const address = window.location.href;
  try { await navigator.clipboard.writeText(address); return []; } catch {}
  const field = Object.assign(document.createElement("textarea"), {value: address, readOnly: true});
  document.body.append(field); field.select(); document.execCommand("copy"); field.remove();
  return [];
}"""


def head(lab: Lab) -> tuple[gr.HTML, gr.HTML, gr.Button]:
    """The name, the device's chip, who the visitor is, and the copy-link button. -> (chip, who, button)"""
    with gr.Row(elem_id="head"):
        gr.HTML(
            f"<h1>{escape(say('frame.title'))}</h1><p>{escape(say('frame.tagline'))}</p>",
            elem_id="name", min_width=280,
        )  # fmt: skip
        chip = gr.HTML(chip_html(say("frame.device_wait")), elem_id="chip", min_width=120)
        me = gr.HTML(
            "{}", html_template="", js_on_load=READ_WHO + WHO.read_text(encoding="utf-8"), apply_default_css=False,
            elem_id="who", min_width=120, has_teacher=bool(lab.classroom.teacher_token),
            words={key: say(f"frame.who_{key}") for key in ("name", "token", "kept", "keep", "nobody", "teacher")},
        )  # fmt: skip
        switch()
    return chip, me, gr.Button(say("frame.copy"), elem_id="copy", size="sm", render=False)


def hand_bar(copy: gr.Button) -> gr.HTML:
    with gr.Row(elem_id="in-hand"):
        bar = gr.HTML(hand_html(Hand(), say("frame.no_checkpoint")), elem_id="hand-bar")
        copy.render()
    return bar


def foot() -> None:
    gr.HTML(f"<p>{escape(say('frame.foot', version=__version__))}</p>", elem_id="foot")


def wire(demo: gr.Blocks, page: Page, chip: gr.HTML, me: gr.HTML, bar: gr.HTML, copy: gr.Button) -> None:
    """The address gives the hand on load, the browser who it is; changes of the hand go to the bar and the address."""
    said = [page.hand, page.who, page.wish, page.lesson]

    def arrive(hand: str, who: str, wish: str, lesson: str, request: gr.Request) -> tuple[str, str, str, str, str]:
        held = _known_hand(page.lab, hand, acting(page.lab, who, request))
        return held, who, wish, lesson, _greet(page.lab, who, request)

    def listen(event: gr.EventData, request: gr.Request) -> tuple[str, str]:
        who = str(event.who)
        if Who.of(who).token and page.lab.classroom.teacher_token:
            key = "frame.who_is_teacher" if page.lab.scheduler.is_teacher(Who.of(who).token) else "frame.who_no_teacher"
            notice(key, 6)
        return who, _greet(page.lab, who, request)

    demo.load(guarded(arrive), said, [*said, me], js=READ_ADDRESS, **QUIET)
    me.said(guarded(listen), None, [page.who, me], show_progress="hidden", api_visibility="private")
    demo.load(guarded(device_chip), None, chip, **QUIET)
    page.hand.change(guarded(functools.partial(_show_hand, page.lab)), page.hand, bar, **QUIET)
    page.hand.change(None, page.hand, None, js=WRITE_ADDRESS, **QUIET)
    # Gradio carries a notice by the queue only.
    copy.click(guarded(say_copied), None, None, js=COPY_LINK, **SPOKEN)


def _greet(lab: Lab, who: str, request: gr.Request) -> str:
    """What the visitor's corner is told: the name they signed in with, and whether they are the teacher."""
    teacher = lab.scheduler.is_teacher(Who.of(who).token)
    return json.dumps({"signed": signed_name(request), "teacher": teacher})


def _known_hand(lab: Lab, text: str, owner: Owner) -> str:
    """The hand that the address asks for, unknown words made defaults. If it names no run: the visitor's own newest
    one, else the one in training."""
    hand = Hand.of(text)
    if not hand.run and not hand.checkpoint and not hand.compare:
        own = [run.id for run in lab.scheduler.runs_of(owner)[:1]] + [place.run_id for place in lab.scheduler.line()]
        hand = hand.with_(run=own[0]) if own else hand
    if hand.run and not ('"model"' in text or '"dataset"' in text):
        with contextlib.suppress(LabError):
            return holding(lab, hand, hand.run).to_json()
    return hand.to_json()


def holding(lab: Lab, hand: Hand, run_id: str) -> Hand:
    """The hand after a run was chosen: its model, its data and, if it has weights and is over, its checkpoint.

    Raises: UnknownRun, RunRefused.
    """
    name = run_id.removeprefix(RECORDED)
    if name in recordings() and name != run_id:
        card = recordings()[name]
        data = {"dataset": card["dataset"]} if card["dataset"] in DATASETS else {}
        return hand.with_(run="", checkpoint=name, model=card["model"], **data)
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
        return say("frame.no_checkpoint")
    is_named = entry.state in ("shipped", "imported")
    words = {"name": entry.title or entry.key, "when": clock_words(entry.created)}
    name = say("frame.shipped" if is_named else "frame.run_of", **words)
    if entry.state == "published":
        return say("frame.published", name=entry.key, accuracy=accuracy(entry.accuracy))
    if entry.state == "running":
        return say("frame.still_training", name=name)
    if entry.accuracy is None:
        return name
    where = "frame.on_test" if entry.is_finished else "frame.on_validation"
    return say("frame.with_accuracy", name=name, accuracy=say(where, accuracy=accuracy(entry.accuracy)))


def say_copied() -> None:
    notice("frame.copied", 3)


@kept_by_language(maxsize=1)
def device_chip() -> str:
    """Asks torch what it runs on: a second or two the first time, which is why the page does not wait for it."""
    from ..device import device_label

    return chip_html(say("frame.device_lent") if is_lent() else translated(device_label()))


def chip_html(text: str) -> str:
    return f'<span class="chip" title="{escape(say("frame.device"))}">{escape(text)}</span>'


def hand_html(hand: Hand, checkpoint: str) -> str:
    """Model, data and checkpoint as three labelled words."""
    words = (
        ("frame.model", model_title(hand.model)),
        ("frame.data", dataset_title(hand.dataset)),
        ("frame.checkpoint", checkpoint),
    )
    parts = (f"<span><i>{escape(say(key))}</i> <b>{escape(word)}</b></span>" for key, word in words)
    return f'<div class="hand">{"".join(parts)}</div>'
