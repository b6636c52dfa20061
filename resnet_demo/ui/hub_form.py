"""The Hugging Face Hub on the Classify tab: a model fetched from it, the checkpoint in hand published on it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from ..checkpoint import has_card
from ..datasets import DATASETS
from ..errors import LabError
from ..specs import is_model
from . import imported, shelf, take
from .failures import guarded, problem, sentence
from .hand import Hand
from .markup import alert, quiet
from .page import Lab, Page
from .strings import say
from .telling import told_by
from .who import is_crowd

if TYPE_CHECKING:
    from .bring import Bringing

MOST_BYTES_FOR_STRANGERS = 300_000_000  # ResNet-152 has 241 million
LONGEST_REPO, LONGEST_TOKEN = 400, 4096
NETWORK: dict[str, Any] = {"api_visibility": "private", "concurrency_id": "fetch", "concurrency_limit": 2}
INSECURE = "if (!window.isSecureContext) element.querySelector('p').hidden = false;"


@dataclass(frozen=True)
class HubForm:
    """The handlers over one lab. A token goes to the Hub and nowhere else: not to the log, not into a sentence."""

    lab: Lab
    bringing: Bringing

    def fetch(self, text: str, hand: str, progress: gr.Progress = gr.Progress()) -> tuple[Any, ...]:
        """-> (weights that have no card, what they are, networks, data sets, classes, the hand with those that have)

        Where others can come, nobody sees by this what only the owner of this machine may see.
        """
        from ..hub import hints, obtain

        if not (text or "").strip():
            raise problem("classify.hub_none")
        options: dict[str, Any] = {"token": False, "most_bytes": MOST_BYTES_FOR_STRANGERS} if is_crowd(self.lab) else {}
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as cache:
            path = obtain(text, told_by(progress), cache_dir=Path(cache), **options)
            if has_card(path):
                return None, "", gr.skip(), gr.skip(), "", self._taken(path, hand)
            kept = Path(shutil.copyfile(path, take.folder() / f"{_file_name(text)}.safetensors"))
            told = hints(path)
        which, network, data = self.bringing.look_at(str(kept))
        if told.get("classes") or told.get("dataset"):
            data = {**data, "value": told.get("dataset", "")}
        return str(kept), which, network, data, ", ".join(told.get("classes", ())), gr.skip()

    def _taken(self, path: Path, hand: str) -> str:
        key = imported.take(self.lab, path)
        entry = shelf.find(self.lab, key)
        changes = {"checkpoint": key}
        changes |= {"model": entry.model} if is_model(entry.model) else {}
        changes |= {"dataset": entry.dataset} if entry.dataset in DATASETS else {}
        return Hand.of(hand).with_(**changes).to_json()

    def publish(
        self, repo: str, private: bool, token: str, hand: str, progress: gr.Progress = gr.Progress()
    ) -> tuple[str, str]:
        """-> (what has become of it, the token's field, empty again)"""
        held = Hand.of(hand)
        try:
            return self._published(repo or "", bool(private), token or "", held, progress), ""
        except LabError as error:
            return alert(sentence(error)), ""

    def _published(self, repo: str, private: bool, token: str, held: Hand, progress: gr.Progress) -> str:
        from ..publish import publish

        entry = shelf.chosen(self.lab, held)
        if entry is None:
            return quiet(say("classify.publish_no_checkpoint"))
        if is_crowd(self.lab) and not token.strip():
            return alert(say("classify.publish_needs_token"))
        progress(0.0, desc=say("classify.publishing", repo=repo[:LONGEST_REPO]))
        done = publish(shelf.opened(entry.path), repo, private=private, token=token.strip() or None)
        link = f'<a href="{escape(done.url)}" target="_blank" rel="noopener">{escape(done.url)}</a>'
        return f'<p role="status">{say("classify.published", url=link)}</p>'


def _file_name(text: str) -> str:
    """The model's own name as a file's, whatever was written."""
    last = text.strip().rpartition("/")[2].partition("@")[0]
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in last)[:60] or "model"


def build_fetch(page: Page, bringing: Bringing, filled: list[Any]) -> None:
    """The field that names a model on the Hub. `filled` are the parts of the form for weights of one's own."""
    do = HubForm(page.lab, bringing)
    with gr.Row():
        place = gr.Textbox(
            label=say("classify.hub"), info=say("classify.hub_help"), max_lines=1, max_length=LONGEST_REPO,
            placeholder="owner/name", scale=4, elem_id="classify-hub",
        )  # fmt: skip
        get = gr.Button(say("classify.hub_get"), scale=1, min_width=140, elem_id="classify-hub-go")
    gr.on(
        [get.click, place.submit], guarded(do.fetch), [place, page.hand], [*filled, page.hand],
        show_progress_on=filled[0], **NETWORK,
    )  # fmt: skip


def build_publish(page: Page, bringing: Bringing) -> None:
    """The folded form that publishes the checkpoint in hand."""
    do = HubForm(page.lab, bringing)
    with gr.Accordion(say("classify.publish"), open=False, elem_id="classify-publish"):
        warning = f'<p class="alert" role="note" hidden>{escape(say("classify.publish_insecure"))}</p>'
        gr.HTML(
            warning + quiet(say("classify.publish_help")), js_on_load=INSECURE, apply_default_css=False,
            elem_id="classify-publish-about",
        )  # fmt: skip
        repo = gr.Textbox(
            label=say("classify.publish_repo"), info=say("classify.publish_repo_help"), max_lines=1,
            max_length=LONGEST_REPO, placeholder="owner/name", elem_id="classify-publish-repo",
        )  # fmt: skip
        own = "" if is_crowd(page.lab) else " " + say("classify.publish_token_own")
        token = gr.Textbox(
            label=say("classify.publish_token"), info=say("classify.publish_token_help") + own, type="password",
            max_length=LONGEST_TOKEN, elem_id="classify-publish-token",
            html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
        )  # fmt: skip
        private = gr.Checkbox(label=say("classify.publish_private"), elem_id="classify-publish-private")
        go = gr.Button(say("classify.publish_go"), elem_id="classify-publish-go")
        said = gr.HTML(elem_id="classify-publish-said", apply_default_css=False)
    go.click(guarded(do.publish), [repo, private, token, page.hand], [said, token], show_progress_on=said, **NETWORK)
