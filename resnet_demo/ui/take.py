"""A run to take along: its weights, its metrics, its curves, made when they are asked for."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from gradio.utils import get_upload_folder

from ..errors import InvalidOption, RunRefused
from ..events import History, TrainEvent
from ..runs import export
from ..runs.config import RunConfig
from . import recordings
from .links import settings_link
from .strings import DEFAULT, speaking
from .words import model_title

if TYPE_CHECKING:
    from .page import Lab

KINDS = ("weights", "csv", "png", "svg")
# For the browser, given a file that was made after the click that asked for it. It goes by the file itself: a button
# that holds it may not have been told yet.
FETCH = """(file) => {
  if (!file?.url) return;
  const link = Object.assign(document.createElement("a"), {href: file.url, download: file.orig_name ?? ""});
  document.body.append(link);
  link.click();
  link.remove();
}"""


@dataclass(frozen=True)
class Taken:
    """What there is to take of a run, one of this lab's or a recorded one."""

    name: str
    config: RunConfig
    weights: Path | None
    history: History
    events: Iterable[TrainEvent]


def taken(lab: Lab, shown: str) -> Taken:
    """Raises: UnknownRun."""
    if recordings.is_recorded(shown):
        name = shown.removeprefix(recordings.RECORDED)
        config, history = recordings.config_of(shown), recordings.history_of(shown)
        return Taken(name, config, recordings.weights_of(shown), history, recordings.events_of(shown))
    run = lab.store.get(shown)
    return Taken(run.id, run.config, run.checkpoint(), run.history(), run.events())


class Take:
    """The files and texts of one lab's runs, for whoever asks."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def file(self, event: gr.EventData) -> str:
        """The path of a fresh file."""
        return str(write(taken(self.lab, str(event.run)), str(event.what), folder()))

    def details(self, asked: list[str]) -> str:
        """The same run as a command line, as Python and as a link, as JSON."""
        config = taken(self.lab, str((asked or [""])[0])).config
        told = {"command": export.command_line(config), "python": export.python_code(config)}
        return json.dumps({**told, "link": settings_link(config)})


def folder() -> Path:
    """A new folder among the uploads, which are gone within the hour."""
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(dir=get_upload_folder()))


def write(run: Taken, what: str, place: Path) -> Path:
    """The file with this part of the run, named after it.

    Raises: InvalidOption, RunRefused if it has no weights yet.
    """
    if what == "weights":
        if run.weights is None:
            raise RunRefused(run=run.name, action="be taken along", why="it has no weights yet")
        return Path(shutil.copyfile(run.weights, place / f"{run.name}.safetensors"))
    if what == "csv":
        path = place / f"{run.name}.csv"
        path.write_text(export.metrics_csv(run.events), encoding="utf-8", newline="")
        return path
    if what not in KINDS:
        raise InvalidOption(option="what", value=what[:40], allowed=f"one of {', '.join(KINDS)}")
    from ..plots import curves

    path = place / f"{run.name}.{what}"
    with speaking(DEFAULT):  # a file's words are English, as its names are
        title = run.config.title or f"{model_title(run.config.spec.name)} ({run.name})"
    curves(run.history, title).savefig(path, dpi=150)
    return path
