"""What else one can bring to the Classify tab: many pictures, a .zip with labels, an address, weights of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ..brought import fitting_datasets
from ..checkpoint import has_card, read_card
from ..datasets import DATASETS
from ..errors import LabError
from ..foreign import recognise
from ..many import read_many
from ..pictures import open_picture
from ..specs import is_model
from ..weights import read_weights
from . import hub_form, imported, shelf
from .api import uploaded
from .asking import QUIET
from .failures import guarded, problem, sentence
from .folder import chooser
from .hand import Hand
from .many_view import many_html
from .markup import LISTEN, alert, quiet, sent
from .page import Lab, Page
from .strings import say
from .telling import told_by
from .web_address import fetch
from .words import dataset_title

SLOW: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "measure", "concurrency_limit": 2}


@dataclass(frozen=True)
class Bringing:
    """The handlers of this part of the tab over one lab."""

    lab: Lab

    def from_address(self, address: str) -> Any:
        """The picture at that address."""
        return open_picture(fetch(address or ""))

    def many(
        self, files: Sequence[str] | None, fit: str, invert: str, hand: str, progress: gr.Progress = gr.Progress()
    ) -> str:
        """What the checkpoint in hand makes of these files: a class table where folders are labels, else a strip."""
        return self._answered([(Path(file), Path(file).name) for file in files or ()], fit, invert, hand, progress)

    def folder(
        self, fit: str, invert: str, hand: str, event: gr.EventData, progress: gr.Progress = gr.Progress()
    ) -> str:
        """The same of a folder, which the browser has sent as a .zip."""
        told = event._data if isinstance(event._data, dict) else {}
        try:
            path, _ = uploaded({"path": told.get("path")})
        except LabError as error:
            return alert(sentence(error))
        name = str(told.get("name") or say("classify.folder_folder"))[:80]
        return self._answered([(path, name)], fit, invert, hand, progress)

    def _answered(
        self, sources: Sequence[tuple[Path, str]], fit: str, invert: str, hand: str, progress: gr.Progress
    ) -> str:
        held = Hand.of(hand)
        try:
            entry = shelf.chosen(self.lab, held)
            if entry is None or not sources:
                return quiet(say("classify.many_none"))
            checkpoint = shelf.opened(entry.path)
            found = read_many(checkpoint, sources, fit, invert, told_by(progress))
            return many_html(entry, checkpoint, found, sources[0][1])
        except LabError as error:
            return alert(sentence(error))

    def look_at(self, file: str | None) -> tuple[str, Any, Any]:
        """-> (which network the weights are, the networks to choose from, the data sets that fit)"""
        if not file:
            return "", gr.update(visible=False), gr.update(visible=False)
        path = Path(file)
        try:
            if has_card(path):
                card = read_card(path)
                words = say("classify.own_card", model=str(card["model"]), data=str(card.get("dataset_title") or ""))
                return quiet(words), gr.update(visible=False), gr.update(visible=False)
            found = recognise(read_weights(path), path.name)
        except LabError as error:
            return alert(sentence(error)), gr.update(visible=False), gr.update(visible=False)
        names, fitting = (found.spec.name, *found.alike), fitting_datasets(found.spec)
        words = say(
            "classify.own_is", model=found.spec.name, classes=found.spec.num_classes, channels=found.spec.in_channels
        )
        if found.alike:
            words += " " + say("classify.own_alike", others=", ".join(found.alike))
        listed = [(dataset_title(name), name) for name in fitting] + [(say("classify.own_other"), "")]
        return (
            quiet(words),
            gr.update(choices=list(names), value=names[0], visible=len(names) > 1),
            gr.update(choices=listed, value=listed[0][1], visible=True),
        )

    def add(self, file: str | None, model: str, dataset: str, classes: str, normalisation: str, hand: str) -> str:
        """The hand with what was brought in it."""
        if not file:
            raise problem("classify.own_none")
        names = tuple(name.strip() for name in (classes or "").replace("，", ",").split(",") if name.strip())
        key = imported.take(self.lab, Path(file), dataset or "", model or "", names, normalisation=normalisation)
        entry = shelf.find(self.lab, key)
        changes = {"checkpoint": key}
        changes |= {"model": entry.model} if is_model(entry.model) else {}
        changes |= {"dataset": entry.dataset} if entry.dataset in DATASETS else {}
        return Hand.of(hand).with_(**changes).to_json()


def _pictures_behind(do: Any) -> Any:
    """A click on the table of what was brought fills the strip; one on a picture has it classified."""

    def run(hand: str, event: gr.EventData) -> tuple[Any, Any]:
        if "picture" in sent(event):
            return gr.skip(), do.take_from_strip(hand, event)
        return do.show(hand, event, lambda *args, **options: None)[1], gr.skip()

    return run


def build(page: Page, picture: gr.Image, strip: gr.HTML, choices: tuple[gr.Radio, gr.Radio], do: Any) -> None:
    """The folded part under the picture: layout, then wiring."""
    bringing = Bringing(page.lab)
    gr.HTML(
        f'<p class="quiet" hidden>{escape(say("classify.insecure"))}</p>',
        js_on_load=hub_form.INSECURE,
        elem_id="classify-insecure",
    )
    with gr.Accordion(say("classify.more"), open=False, elem_id="classify-more"):
        with gr.Row():
            address = gr.Textbox(label=say("classify.address"), info=say("classify.address_help"), max_lines=1,
                                 max_length=2000, scale=4, elem_id="classify-address")  # fmt: skip
            get = gr.Button(say("classify.address_go"), scale=1, min_width=100, elem_id="classify-address-go")
        files = gr.File(label=say("classify.files"), file_count="multiple", type="filepath", height=140,
                        elem_id="classify-files")  # fmt: skip
        chosen = chooser()
        gr.HTML(quiet(say("classify.files_help")), apply_default_css=False)
        many = gr.HTML(js_on_load=LISTEN, elem_id="classify-many", apply_default_css=False)
        own = gr.File(
            label=say("classify.own"), file_count="single", type="filepath", height=120, elem_id="classify-own"
        )
        which = gr.HTML(elem_id="classify-own-is", apply_default_css=False)
        network = gr.Dropdown([], label=say("classify.own_network"), visible=False, elem_id="classify-own-network")
        data = gr.Dropdown([], label=say("classify.own_data"), visible=False, elem_id="classify-own-data")
        with gr.Accordion(say("classify.own_more"), open=False):
            classes = gr.Textbox(
                label=say("classify.own_classes_named"), max_length=20_000, elem_id="classify-own-classes"
            )
            scaling = gr.Radio(
                [(say(f"classify.scale_{name}"), name) for name in ("dataset", "half", "unit", "imagenet")],
                value="dataset", label=say("classify.own_scale"), elem_id="classify-own-scale",
            )  # fmt: skip
        add = gr.Button(say("classify.own_add"), elem_id="classify-own-add")
        hub_form.build_fetch(page, bringing, [own, which, network, data, classes])
        hub_form.build_publish(page, bringing)
    gr.on(
        [get.click, address.submit], guarded(bringing.from_address), address, picture, show_progress_on=picture, **SLOW
    )
    files.upload(guarded(bringing.many), [files, *choices, page.hand], many, **SLOW)
    chosen.upload(guarded(bringing.folder), [*choices, page.hand], many, **SLOW)
    files.clear(guarded(lambda: ""), None, many, **QUIET)
    page.hand.change(guarded(lambda: ""), None, many, **QUIET)
    many.click(guarded(_pictures_behind(do)), page.hand, [strip, picture], **SLOW)
    own.upload(guarded(bringing.look_at), own, [which, network, data], **SLOW)
    own.clear(
        guarded(lambda: ("", gr.update(visible=False), gr.update(visible=False))), None, [which, network, data], **QUIET
    )
    add.click(guarded(bringing.add), [own, network, data, classes, scaling, page.hand], page.hand, **SLOW)
