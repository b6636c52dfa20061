"""The Class tab: how the others are doing. It is there only when there are others, and nobody turned it off."""

from __future__ import annotations

from typing import Any

import gradio as gr

from . import board
from .asking import QUIET
from .failures import guarded
from .page import Page
from .run_table import mine_of
from .strings import say
from .take import FETCH, folder


def build(page: Page) -> None:
    lab = page.lab
    shown = gr.HTML("", apply_default_css=False, elem_id="class-board")
    with gr.Row(elem_id="class-acts"):
        again = gr.Button(say("class.refresh"), size="sm", elem_id="class-refresh")
        along = gr.Button(say("class.csv"), size="sm", elem_id="class-csv")
    file = gr.DownloadButton(say("class.csv"), elem_id="board-file", elem_classes="unseen")

    def look(who: str, request: gr.Request) -> str:
        return board.html(board.entries(lab, mine_of(lab, who, request)))

    def take() -> str:
        path = folder() / "class.csv"
        path.write_text(board.as_csv(board.entries(lab)), encoding="utf-8", newline="")
        return str(path)

    def tab() -> dict[str, Any]:
        return gr.update(visible=board.is_shown(lab))

    itself = gr.context.Context.block  # the tab that is being built
    assert isinstance(itself, gr.Tab)
    itself.select(guarded(look), page.who, shown, **QUIET)
    again.click(guarded(look), page.who, shown, **QUIET)
    along.click(guarded(take), None, file, **QUIET).success(None, file, None, js=FETCH, **QUIET)
    for changed in (page.hand.change, page.who.change):
        changed(guarded(tab), None, itself, **QUIET)
