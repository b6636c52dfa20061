"""What the Classify tab does when something is chosen, brought or clicked: values in, values and HTML out."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from ..datasets import DATASETS
from ..errors import LabError
from ..explain import grad_cam
from ..pictures import Source, open_picture
from ..predict import Prediction, classify, view_for
from ..specs import is_model
from . import answers, confusion, examples, gradebook, heat, offer, shelf
from .failures import problem, sentence
from .hand import Hand
from .markup import alert, quiet, send, sent
from .page import Lab
from .pairs import Pairing
from .strings import say
from .telling import told_by

NOT_IN_BROWSERS = (".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm")


@dataclass(frozen=True)
class Handlers:
    """The tab's handlers over one lab. Each takes the hand as its JSON."""

    lab: Lab

    def choose(self, hand: str, key: str) -> str:
        """The hand with that checkpoint and the model and data that belong to it; as it is if that is not here."""
        if offer.is_absent(key):
            return hand
        entry = shelf.find(self.lab, str(key))
        changes = {"checkpoint": entry.key}
        changes |= {"model": entry.model} if is_model(entry.model) else {}
        changes |= {"dataset": entry.dataset} if entry.dataset in DATASETS else {}
        return Hand.of(hand).with_(**changes).to_json()

    def mirror(self, hand: str) -> tuple[Any, Any, str, Any]:
        """-> (the checkpoints, whether there are newer weights to ask for, the examples, what to compare with)"""
        held = Hand.of(hand)
        entry = _or_none(lambda: shelf.chosen(self.lab, held))
        choices = shelf.choices(self.lab)
        if entry and entry.key not in [key for _, key in choices]:  # one's own, or a run that is not among the newest
            choices = [(shelf.label_of(entry), entry.key), *choices]
        listed = gr.update(choices=choices, value=entry.key if entry else None)
        sheet = examples.sheet_for(entry.dataset if entry else held.dataset, self.lab.root)
        is_going = entry is not None and entry.state == "running"
        beside = Pairing(self.lab).offer(entry)
        return listed, gr.update(visible=is_going), examples.sheet_html(sheet), beside

    def answer(self, picture: Source | None, fit: str, invert: str, hand: str) -> tuple[str, str]:
        """-> (the model's-eye view, the bars). A refusal stands where the bars would."""
        held = Hand.of(hand)
        try:
            entry = shelf.chosen(self.lab, held)
            if entry is None:
                return answers.no_eye_html(), answers.no_checkpoint_html()
            checkpoint = shelf.opened(entry.path)
            if picture is None:
                return answers.no_eye_html(), answers.no_picture_html(checkpoint.classes)
            (prediction,) = classify(checkpoint, [picture], fit=fit, invert=invert)
        except LabError as error:
            return answers.no_eye_html(), alert(sentence(error))
        bars = answers.bars_html(prediction, checkpoint.classes)
        return answers.eye_html(prediction), bars + self._offer(prediction)

    def _offer(self, prediction: Prediction) -> str:
        """A checkpoint that sees colour, where this one loses the picture's."""
        if not prediction.lost_colour:
            return ""
        return answers.colour_html([(shelf.label_of(e), e.key) for e in shelf.in_colour(self.lab)])

    def follow(self, hand: str, event: gr.EventData) -> tuple[Any, Any]:
        """What the buttons beside the bars do. -> (the hand with a model for colour, the Train tab)"""
        key = sent(event).get("use")
        return (self.choose(hand, key), gr.skip()) if isinstance(key, str) else (gr.skip(), gr.Tabs(selected="train"))

    def show_upload(self, picture: Source | None) -> Any:
        """An upload that browsers cannot show (TIFF, PNM) as one that they can; any other stays as it is."""
        is_shown = not isinstance(picture, str) or Path(picture).suffix.lower() not in NOT_IN_BROWSERS
        try:
            return gr.skip() if is_shown or picture is None else open_picture(picture)
        except LabError:
            return gr.skip()  # the refusal stands where the answer would

    def grade(self, hand: str) -> str:
        """The figures of the checkpoint in hand, or the button that computes them."""
        held = Hand.of(hand)
        try:
            entry = shelf.chosen(self.lab, held)
            if entry is None:
                return quiet(say("classify.no_grades"))
            if entry.state == "published":
                return offer.reported_html(entry)
            return _figures(entry, gradebook.known(entry, self.lab.root))
        except LabError as error:
            return alert(sentence(error))

    def show(
        self,
        hand: str,
        event: gr.EventData,
        progress: gr.Progress = gr.Progress(),
    ) -> tuple[Any, str]:
        """What a click on the figures asks for. -> (the figures, the strip of pictures under them)"""
        held, asked = Hand.of(hand), sent(event)
        entry = shelf.chosen(self.lab, held)
        if entry is None:
            return gr.skip(), quiet(say("classify.no_grades"))

        found = gradebook.measure(self.lab, entry, told_by(progress), _token(asked))
        strip = strip_for(found, asked)
        if "of" in asked:  # the figures are on show, and stay, with the cell in hand marked
            return gr.skip(), strip
        return _figures(entry, found.grades), strip

    # Gradio finds the event by resolving every annotation, and that of a Source needs numpy's name: hence Any.
    def where(self, picture: Any, fit: str, invert: str, hand: str, event: gr.EventData) -> str:
        """Where in the picture the answer comes from, at the end of the stage that was clicked."""
        held, asked = Hand.of(hand), sent(event)
        try:
            entry = shelf.chosen(self.lab, held)
            if entry is None or picture is None:
                return heat.ask_html()
            checkpoint = shelf.opened(entry.path)
            wanted = asked.get("stage")
            stage = wanted if type(wanted) is int else len(checkpoint.model.stages)
            view = view_for(checkpoint, picture, fit, invert).pixels
            return heat.heat_html(view, grad_cam(checkpoint, view, stage), checkpoint)
        except LabError as error:
            return alert(sentence(error))

    def take_example(self, hand: str, event: gr.EventData) -> Image.Image:
        """The picture of the sheet that was clicked."""
        asked, held = sent(event), Hand.of(hand)
        if asked.get("sample") in examples.SAMPLES:
            return open_picture(examples.sample(asked["sample"]))
        entry = shelf.chosen(self.lab, held)
        images = examples.sheet_for(entry.dataset if entry else held.dataset, self.lab.root).images.images
        return examples.enlarged(images[_index(asked, "example", len(images))])

    def take_from_strip(self, hand: str, event: gr.EventData) -> Image.Image | None:
        """The picture of the strip that was clicked."""
        entry = shelf.chosen(self.lab, Hand.of(hand))
        if entry is None:
            return None
        asked = sent(event)
        images = gradebook.measure(self.lab, entry, lambda what, share: None, _token(asked)).images.images
        return examples.enlarged(images[_index(asked, "picture", len(images))])


def strip_for(found: gradebook.Answers, asked: dict[str, Any]) -> str:
    """The pictures of a cell, a class, the surest mistakes or a random sheet, with a heading that says which."""
    classes, name, what = found.grades.classes, found.grades.name, asked.get("show")
    if what == "cell":
        true, predicted = (_index(asked, key, len(classes)) for key in ("true", "predicted"))
        chosen = found.where(true, predicted)
        key = "classify.cell_right" if true == predicted else "classify.cell_wrong"
        total, _ = found.grades.row(true)
        words = {"true": name(true), "predicted": name(predicted), "count": len(chosen), "total": total}
        return confusion.strip_html(found, chosen, say(key, **words))
    if what == "class":
        true = _index(asked, "true", len(classes))
        total, correct = found.grades.row(true)
        heading = say("classify.class_strip", true=name(true), wrong=total - correct, total=total)
        return confusion.strip_html(found, found.where(true), heading)
    if what == "mistakes":
        chosen = found.surest_mistakes()
        return confusion.strip_html(found, chosen, say("classify.mistakes_strip", count=len(chosen)))
    chosen = found.some(confusion.ON_SHEET)
    right = sum(int(found.labels[index] == found.predicted[index]) for index in chosen)
    heading = say("classify.some_strip", count=len(chosen), right=right)
    return confusion.strip_html(found, chosen, heading, most=confusion.ON_SHEET)


def _token(asked: dict[str, Any]) -> str:
    token = asked.get("of")
    return token if isinstance(token, str) else ""


def _index(asked: dict[str, Any], key: str, count: int) -> int:
    value = asked.get(key)
    if type(value) is not int or not 0 <= value < count:
        raise problem("classify.no_such_picture")
    return value


def _or_none(find: Any) -> Any:
    try:
        return find()
    except LabError:
        return None


def _figures(entry: shelf.Entry, grades: gradebook.Grades | None) -> str:
    """The figures, or the button that has them computed; for an unfinished run with the reason for validation."""
    why = "" if entry.is_finished else quiet(say("classify.why_validation"))
    return why + (confusion.grades_html(grades) if grades else _ask_to_measure(entry))


def _ask_to_measure(entry: shelf.Entry) -> str:
    size = gradebook.expected_size(entry)
    key = f"classify.measure_{gradebook.split_of(entry)}"
    words = say(key, count=f"{size:,}") if size else say(f"{key}_all")
    button = f'<button type="button" class="ask primary" {send({"show": "some"})}>{escape(words)}</button>'
    return f'<div class="asks">{button}</div>{quiet(say("classify.measure_note"))}'
