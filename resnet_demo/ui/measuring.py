"""Views whose times are measured, and whose tables are made, once somebody looks at them."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from ..specs import find_model, is_model
from .compare import MOST, compare_html
from .failures import sentence
from .figures import milliseconds, time_html
from .page import Page
from .strings import say, spoken

HERE = Path(__file__).parent
_one_at_a_time = ThreadPoolExecutor(max_workers=1, thread_name_prefix="measure")


def script(*names: str) -> str:
    """The page's JavaScript of those names, one after the other."""
    return "".join((HERE / name).read_text(encoding="utf-8") for name in names)


def measured(page: Page, value: str, elem_id: str, *scripts: str, **options: Any) -> gr.HTML:
    """A view with times in it that are measured once they are seen."""

    async def measure(asked: list[str]) -> str:
        name, brief = (*map(str, asked), "", "")[:2]
        return await measured_html(page, _one_at_a_time, name, brief=bool(brief))

    async def compare(asked: list[str]) -> str:
        return await asyncio.to_thread(compare_html, [str(name) for name in asked[:MOST]])

    return gr.HTML(
        value,
        js_on_load=script(*scripts),
        server_functions=[spoken(measure), spoken(compare)],
        apply_default_css=False,
        elem_id=elem_id,
        **options,
    )


async def measured_html(page: Page, pool: ThreadPoolExecutor, name: str, *, brief: bool = False) -> str:
    """What a picture costs here, measured now if nobody asked before; a reason why not while a run trains.

    `brief` gives the time alone, without how it was measured. On ZeroGPU torch may not run in this process.
    """

    def told(why: str) -> str:
        return escape(why) if brief else time_html(None, spec, why)

    if not is_model(name):
        return ""
    spec = find_model(name)
    if os.environ.get("SPACES_ZERO_GPU"):
        return told(say("model.time_not_here"))
    if page.lab.scheduler is not None and page.lab.scheduler.line():
        return told(say("model.time_busy"))
    from ..timing import step_time

    try:
        found = await asyncio.get_running_loop().run_in_executor(pool, step_time, spec)
        return milliseconds(found.seconds_per_picture) if brief else time_html(found, spec)
    except Exception as error:  # a card that is full, a device that fails: the page goes on without the figure
        return told(sentence(error))
