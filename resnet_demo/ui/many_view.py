"""What a checkpoint makes of pictures that somebody brought: a class table where folders are labels, else a strip."""

from __future__ import annotations

import secrets
import threading
from html import escape

from ..checkpoint import Checkpoint
from ..evaluate import evaluate, probabilities
from ..imagesets import ImageSet
from ..many import Pictures
from . import confusion, gradebook, shelf
from .markup import png_address, quiet, send
from .strings import say, translated

KEPT_SECONDS = 2900.0
MOST_SHOWN = 120


def many_html(entry: shelf.Entry, checkpoint: Checkpoint, found: Pictures, title: str) -> str:
    """The answers to these pictures; `title` is what they came in. Clicks on them find them for an hour."""
    token = secrets.token_hex(16)
    labelled = found.labelled(checkpoint)
    if labelled is not None:
        result = evaluate(checkpoint, labelled)
        counts = tuple(tuple(row) for row in result.confusion)
        grades = gradebook.Grades("brought", title, tuple(checkpoint.classes), counts, token)
        answers = gradebook.Answers(entry.key, grades, labelled, labelled.labels, result.predicted, result.confidence)
        body = confusion.grades_html(grades)
    else:
        confidence, predicted = probabilities(checkpoint, found.views).max(1)
        images = ImageSet(found.views, predicted, tuple(checkpoint.classes))
        grades = gradebook.Grades("brought", title, tuple(checkpoint.classes), (), token)
        answers = gradebook.Answers(entry.key, grades, images, predicted, predicted, confidence)
        body = _plain_strip(found, answers)
    gradebook.lend(token, answers)
    timer = threading.Timer(KEPT_SECONDS, gradebook.forget, (token,))
    timer.daemon = True
    timer.start()
    if not found.refused:
        return body
    return quiet(say("classify.many_refused", count=len(found.refused), first=translated(found.refused[0]))) + body


def _plain_strip(found: Pictures, answers: gradebook.Answers) -> str:
    """Pictures without labels: each with its answer, neither right nor wrong."""
    heading = say("classify.many_strip", count=len(found.names), shown=min(MOST_SHOWN, len(found.names)))
    figures = "".join(_figure(found, answers, index) for index in range(min(MOST_SHOWN, len(found.names))))
    return f'<p class="strip-head">{escape(heading)}</p><div class="strip">{figures}</div>'


def _figure(found: Pictures, answers: gradebook.Answers, index: int) -> str:
    said, name = answers.grades.name(int(answers.predicted[index])), escape(found.names[index][-60:])
    return (
        f'<button type="button" title="{name}" {send({"picture": index, "of": answers.grades.token})}>'
        f'<img src="{png_address(found.views[index])}" alt="{name}">'
        f"<span>{escape(said)} {answers.confidence[index]:.2f}</span><small>{name}</small></button>"
    )
