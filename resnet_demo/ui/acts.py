"""What a visitor may ask of a run, and its doing. The scheduler checks whose run it is, whatever the page showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from ..errors import InvalidOption
from ..recipes import Length
from ..runs.status import Status
from ..runs.store import Run
from .failures import notice
from .forms import SECONDS, length_of, within
from .hand import Hand
from .shown import as_shown
from .who import Who, acting
from .words import length_words, seconds_words

if TYPE_CHECKING:
    from .page import Lab


def possible_acts(run: Run, status: Status) -> list[str]:
    """What can be done with a run as it stands, by somebody who may."""
    has_weights = run.checkpoint() is not None
    if status.is_active:
        return ["stop", "again", "along", *(["weights"] if has_weights else [])]
    acts = ["rename", "delete", "again", "along"]
    acts += ["resume"] if run.why_not_resume() is None else []
    acts += ["more"] if status.state == "finished" and run.why_no_more_time() is None else []
    is_measured = status.test_accuracy is not None or status.reason == "diverged"
    acts += ["test"] if has_weights and not is_measured else []
    return acts + (["weights"] if has_weights else [])


def half_batch(run: Run, status: Status) -> int:
    """The batch size to try after a run was out of memory; 0 for any other run."""
    size = run.config.recipe.batch_size
    return max(2, size // 2) if status.reason == "out_of_memory" and size > 2 else 0


def more_lengths(length: Length, longest: float | None) -> list[tuple[str, str]]:
    """For how long a finished run may go on: (what one reads, what `length_of` reads)."""
    seconds = [(seconds_words(int(key)), key) for key in within(SECONDS, longest)]
    if length.epochs:
        return [(length_words(Length(epochs=length.epochs)), f"epochs:{length.epochs:g}"), *seconds]
    if length.steps:
        return [(length_words(Length(steps=length.steps)), f"steps:{length.steps}"), *seconds]
    return seconds


class Acts:
    """The handlers of one lab. Each takes the hand and who asks, and gives the hand as it is then."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def act(self, hand: str, who: str, event: gr.EventData, request: gr.Request) -> str:
        """Does what a button of the view asks for."""
        run, held, token = self.lab.store.get(event.run), Hand.of(hand), Who.of(who).token
        by = acting(self.lab, who, request, run)
        scheduler, what, extra = self.lab.scheduler, str(event.what), str(event.extra)
        if what == "stop":
            was_waiting = run.status().state == "queued"
            scheduler.stop(run.id, by, token)
            notice("train.did_leave" if was_waiting else "train.did_stop", 4)
        elif what == "resume":
            held = held.with_(run=scheduler.resume(run.id, by, token).id)
        elif what == "test":
            held = held.with_(run=scheduler.test(run.id, by, token).id)
        elif what == "more":
            held = held.with_(run=scheduler.give_more_time(run.id, length_of(extra), by, token).id)
        elif what == "rename":
            scheduler.rename(run.id, extra, by, token)
        elif what == "delete":
            scheduler.delete(run.id, by, token)
            held = _without(held, run.id)
            notice("train.did_delete", 4)
        else:
            raise InvalidOption(option="act", value=what[:40], allowed="one of the page's own buttons")
        return held.to_json()

    def tick(self, hand: str, event: gr.EventData) -> str:
        """Lays a run over the one shown, or takes it away."""
        held = Hand.of(hand)
        laid = held.with_(compare=as_shown(held).compare)
        return laid.ticked(str(event.run), bool(event.on)).to_json()


def _without(hand: Hand, run_id: str) -> Hand:
    hand = hand.ticked(run_id, False)
    hand = hand.with_(run="") if hand.run == run_id else hand
    return hand.with_(checkpoint="") if hand.checkpoint == run_id else hand
