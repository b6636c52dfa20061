"""Two checkpoints on the same pictures: what both know, what only one knows, and which pictures tell them apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import torch
from PIL import Image

from ..errors import ClassesDiffer, LabError
from . import examples, gradebook, pair_view, shelf
from .failures import problem, sentence
from .gradebook import Answers, Grades, Progress
from .hand import Hand
from .markup import alert, quiet, sent
from .page import Lab
from .strings import say
from .telling import told_by

KINDS = ("both", "first", "second", "neither")  # who is right


@dataclass(frozen=True, eq=False)
class Pair:
    """Answers of two checkpoints to the same pictures, the second's in the first one's order of classes."""

    first: Answers
    second: Answers

    def counts(self, true: int | None = None) -> dict[str, int]:
        """Pictures (of that class) by who is right, as in KINDS."""
        return {kind: int(self._chosen(kind, true).sum()) for kind in KINDS}

    def where(self, kind: str, true: int | None = None) -> list[int]:
        """Indices of a kind, of "differ" (other answers) or of "all", the surest answers first."""
        indices = self._chosen(kind, true).nonzero().flatten()
        sure = self.first.confidence[indices] + self.second.confidence[indices]
        return indices[sure.argsort(descending=True, stable=True)].tolist()

    def _chosen(self, kind: str, true: int | None) -> torch.Tensor:
        labels, first, second = self.first.labels, self.first.predicted, self.second.predicted
        of_class = torch.ones_like(labels, dtype=torch.bool) if true is None else labels == true
        if kind == "differ":
            return of_class & (first != second)
        if kind not in KINDS:
            return of_class
        is_first, is_second = kind in ("both", "first"), kind in ("both", "second")
        return of_class & ((first == labels) == is_first) & ((second == labels) == is_second)


def measured(lab: Lab, entry: shelf.Entry, other: shelf.Entry, progress: Progress, tokens: Any = ()) -> Pair:
    """Both checkpoints on the same pictures: test ones where both are finished, else validation ones.

    `tokens` are those of figures on show, as for `gradebook.measure`.
    Raises: ClassesDiffer, and what measuring raises.
    """
    known, given = shelf.classes_of(entry), shelf.classes_of(other)
    if set(known) != set(given):
        raise ClassesDiffer(checkpoint=entry.title or entry.key, known=", ".join(known), given=", ".join(given))
    sides = gradebook.side_by_side(entry, other)
    first, second = (
        gradebook.measure(lab, side, _part(progress, part), token)
        for part, (side, token) in enumerate(zip(sides, [*map(str, tokens), "", ""]))
    )
    second = _reordered(second, first)
    if not torch.equal(first.labels, second.labels):
        raise problem("classify.no_such_picture")
    return Pair(first, second)


def _part(progress: Progress, part: int) -> Progress:
    return lambda what, share: progress(what, None if share is None else (part + share) / 2)


def _reordered(answers: Answers, like: Answers) -> Answers:
    """The same answers with the classes in another one's order."""
    theirs, ours = answers.grades.classes, like.grades.classes
    if theirs == ours:
        return answers
    position = {name: index for index, name in enumerate(ours)}
    order = torch.tensor([position[name] for name in theirs])
    back = [theirs.index(name) for name in ours]
    confusion = tuple(tuple(answers.grades.confusion[true][said] for said in back) for true in back)
    grades = Grades(answers.grades.split, answers.grades.data, ours, confusion, answers.grades.token)
    return replace(answers, grades=grades, labels=order[answers.labels], predicted=order[answers.predicted])


@dataclass(frozen=True)
class Pairing:
    """The handlers of the comparison over one lab. Each takes the hand as its JSON and the second checkpoint's key."""

    lab: Lab

    def offer(self, entry: shelf.Entry | None) -> Any:
        """The list of checkpoints that know the same classes as the one in hand, or a sentence that there are none."""
        others = shelf.alike(self.lab, entry) if entry else []
        listed = [(shelf.label_of(other), other.key) for other in others]
        info = say("classify.pair_help" if listed else "classify.pair_none")
        return gr.update(choices=listed, interactive=bool(listed), info=info)

    def compare(self, hand: str, key: str | None, progress: gr.Progress = gr.Progress()) -> tuple[str, str]:
        """-> (both tables side by side, what is said where the pictures will be)"""
        held = Hand.of(hand)
        if not key:
            return "", ""

        try:
            entry, other = self._both(held, key)
            pair = measured(self.lab, entry, other, told_by(progress))
        except LabError as error:
            return alert(sentence(error)), ""
        names = [shelf.label_of(one) for one in (entry, other)]
        return pair_view.pair_html(pair, names), quiet(say("classify.pair_no_strip"))

    def show(self, hand: str, key: str | None, event: gr.EventData) -> str:
        """The pictures behind the count or the class that was clicked."""
        held, asked = Hand.of(hand), sent(event)
        try:
            return pair_view.strip_for(self._pair(held, key, asked), asked)
        except LabError as error:
            return alert(sentence(error))

    def take(self, hand: str, key: str | None, event: gr.EventData) -> Image.Image:
        """The picture that was clicked."""
        asked = sent(event)
        images = self._pair(Hand.of(hand), key, asked).first.images.images
        index = asked.get("picture")
        if type(index) is not int or not 0 <= index < len(images):
            raise problem("classify.no_such_picture")
        return examples.enlarged(images[index])

    def _pair(self, held: Hand, key: str | None, asked: dict[str, Any]) -> Pair:
        tokens = asked.get("of")
        tokens = tokens if isinstance(tokens, list) else []
        return measured(self.lab, *self._both(held, key or ""), lambda what, share: None, tokens[:2])

    def _both(self, held: Hand, key: str) -> tuple[shelf.Entry, shelf.Entry]:
        entry = shelf.chosen(self.lab, held)
        if entry is None:
            raise problem("classify.no_grades")
        return entry, shelf.find(self.lab, str(key))
