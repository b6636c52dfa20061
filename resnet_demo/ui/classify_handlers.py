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
from .hand import Hand
from .markup import alert, quiet, send, sent
from .page import Lab
from .pairs import Pairing
from .strings import label, say

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
        choices = shelf.choices(self.lab, held.lang)
        if entry and entry.key not in [key for _, key in choices]:  # one's own, or a run that is not among the newest
            choices = [(shelf.label_of(entry, held.lang), entry.key), *choices]
        listed = gr.update(choices=choices, value=entry.key if entry else None)
        sheet = examples.sheet_for(entry.dataset if entry else held.dataset, self.lab.root)
        is_going = entry is not None and entry.state == "running"
        beside = Pairing(self.lab).offer(entry, held.lang)
        return listed, gr.update(visible=is_going), examples.sheet_html(sheet, held.lang), beside

    def answer(self, picture: Source | None, fit: str, invert: str, hand: str) -> tuple[str, str]:
        """-> (the model's-eye view, the bars). A refusal stands where the bars would."""
        held = Hand.of(hand)
        try:
            entry = shelf.chosen(self.lab, held)
            if entry is None:
                return answers.no_eye_html(held.lang), answers.no_checkpoint_html(held.lang)
            checkpoint = shelf.opened(entry.path)
            if picture is None:
                return answers.no_eye_html(held.lang), answers.no_picture_html(checkpoint.classes, held.lang)
            (prediction,) = classify(checkpoint, [picture], fit=fit, invert=invert)
        except LabError as error:
            return answers.no_eye_html(held.lang), alert(str(error))
        bars = answers.bars_html(prediction, checkpoint.classes, held.lang)
        return answers.eye_html(prediction, held.lang), bars + self._offer(prediction, held.lang)

    def _offer(self, prediction: Prediction, lang: str) -> str:
        """A checkpoint that sees colour, where this one loses the picture's."""
        if not prediction.lost_colour:
            return ""
        return answers.colour_html([(shelf.label_of(e, lang), e.key) for e in shelf.in_colour(self.lab)], lang)

    def follow(self, hand: str, event: gr.EventData) -> tuple[Any, Any]:
        """What the buttons beside the bars do. -> (the hand with a model for colour, the Train tab)"""
        key = sent(event).get("use")
        return (self.choose(hand, key), gr.skip()) if isinstance(key, str) else (gr.skip(), gr.Tabs(selected="train"))

    def show_upload(self, picture: Source | None) -> Any:
        """An upload that browsers cannot show (TIFF, PNM) as one that they can; any other stays as it is."""
        is_shown = not isinstance(picture, str) or Path(picture).suffix.lower() not in NOT_IN_BROWSERS
        try:
            return gr.skip() if is_shown else open_picture(picture)
        except LabError:
            return gr.skip()  # the refusal stands where the answer would

    def grade(self, hand: str) -> str:
        """The figures of the checkpoint in hand, or the button that computes them."""
        held = Hand.of(hand)
        try:
            entry = shelf.chosen(self.lab, held)
            if entry is None:
                return quiet(say("classify.no_grades", held.lang))
            if entry.state == "published":
                return offer.reported_html(entry, held.lang)
            return _figures(entry, gradebook.known(entry, self.lab.root), held.lang)
        except LabError as error:
            return alert(str(error))

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
            return gr.skip(), quiet(say("classify.no_grades", held.lang))

        def tell(what: str, share: float | None) -> None:
            progress(share or 0.0, desc=say("classify.testing", held.lang) if what == "testing" else what)

        found = gradebook.measure(self.lab, entry, tell, _token(asked))
        strip = strip_for(found, asked, held.lang)
        if "of" in asked:  # the figures are on show, and stay, with the cell in hand marked
            return gr.skip(), strip
        return _figures(entry, found.grades, held.lang), strip

    # Gradio finds the event by resolving every annotation, and that of a Source needs numpy's name: hence Any.
    def where(self, picture: Any, fit: str, invert: str, hand: str, event: gr.EventData) -> str:
        """Where in the picture the answer comes from, at the end of the stage that was clicked."""
        held, asked = Hand.of(hand), sent(event)
        try:
            entry = shelf.chosen(self.lab, held)
            if entry is None or picture is None:
                return heat.ask_html(held.lang)
            checkpoint = shelf.opened(entry.path)
            stage = asked.get("stage") if type(asked.get("stage")) is int else len(checkpoint.model.stages)
            view = view_for(checkpoint, picture, fit, invert).pixels
            return heat.heat_html(view, grad_cam(checkpoint, view, stage), checkpoint, held.lang)
        except LabError as error:
            return alert(str(error))

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


def strip_for(found: gradebook.Answers, asked: dict[str, Any], lang: str) -> str:
    """The pictures of a cell, a class, the surest mistakes or a random sheet, with a heading that says which."""
    classes, what = found.grades.classes, asked.get("show")
    if what == "cell":
        true, predicted = (_index(asked, key, len(classes)) for key in ("true", "predicted"))
        chosen = found.where(true, predicted)
        key = "classify.cell_right" if true == predicted else "classify.cell_wrong"
        total, _ = found.grades.row(true)
        words = {"true": classes[true], "predicted": classes[predicted], "count": len(chosen), "total": total}
        return confusion.strip_html(found, chosen, say(key, lang, **words), lang=lang)
    if what == "class":
        true = _index(asked, "true", len(classes))
        total, correct = found.grades.row(true)
        heading = say("classify.class_strip", lang, true=classes[true], wrong=total - correct, total=total)
        return confusion.strip_html(found, found.where(true), heading, lang=lang)
    if what == "mistakes":
        chosen = found.surest_mistakes()
        return confusion.strip_html(found, chosen, say("classify.mistakes_strip", lang, count=len(chosen)), lang=lang)
    chosen = found.some(confusion.ON_SHEET)
    right = sum(int(found.labels[index] == found.predicted[index]) for index in chosen)
    heading = say("classify.some_strip", lang, count=len(chosen), right=right)
    return confusion.strip_html(found, chosen, heading, most=confusion.ON_SHEET, lang=lang)


def _token(asked: dict[str, Any]) -> str:
    token = asked.get("of")
    return token if isinstance(token, str) else ""


def _index(asked: dict[str, Any], key: str, count: int) -> int:
    value = asked.get(key)
    if type(value) is not int or not 0 <= value < count:
        raise gr.Error(label("classify.no_such_picture"), print_exception=False)
    return value


def _or_none(find: Any) -> Any:
    try:
        return find()
    except LabError:
        return None


def _figures(entry: shelf.Entry, grades: gradebook.Grades | None, lang: str) -> str:
    """The figures, or the button that has them computed; for an unfinished run with the reason for validation."""
    why = "" if entry.is_finished else quiet(say("classify.why_validation", lang))
    return why + (confusion.grades_html(grades, lang) if grades else _ask_to_measure(entry, lang))


def _ask_to_measure(entry: shelf.Entry, lang: str) -> str:
    size = gradebook.expected_size(entry)
    key = f"classify.measure_{gradebook.split_of(entry)}"
    words = say(key, lang, count=f"{size:,}") if size else say(f"{key}_all", lang)
    button = f'<button type="button" class="ask primary" {send({"show": "some"})}>{escape(words)}</button>'
    return f'<div class="asks">{button}</div>{quiet(say("classify.measure_note", lang))}'
