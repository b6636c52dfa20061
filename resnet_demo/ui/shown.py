"""Which runs the Train tab shows for a hand."""

from __future__ import annotations

from dataclasses import replace

from .hand import Hand
from .recordings import RECORDED, recording_for, recordings, same_race


def shown_runs(hand: Hand) -> str:
    """What the view is told to show: the run in hand and those laid over it, `|` between them.

    Without a run in hand it is a recorded one, the checkpoint's own if that has one; until others are chosen, the
    recordings of the same data and steps are laid over it.
    """
    first = hand.run or _recorded(hand)
    if hand.run or hand.compare or not first:
        return "|".join([first, *hand.compared])
    like = same_race(first)
    return "|".join([first, *like]) if len(like) > 1 else first


def as_shown(hand: Hand) -> Hand:
    """The hand that says outright what the view shows for it."""
    run, _, compare = shown_runs(hand).partition("|")
    return replace(hand, run=run, compare=compare)


def _recorded(hand: Hand) -> str:
    if hand.checkpoint in recordings():
        return RECORDED + hand.checkpoint
    return recording_for(hand.model, hand.dataset)
