"""How a failure reaches the visitor: always as a sentence, never as a traceback."""

from __future__ import annotations

import functools
import inspect
import logging
import secrets
from collections.abc import Callable
from html import escape
from typing import Any, NoReturn

import gradio as gr

from ..errors import LabError
from .strings import say, spoken, translated

log = logging.getLogger("resnet_demo")


def guarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, speaking the language it is made in, with every exception turned into a `gr.Error` of one sentence.

    A LabError keeps its own words; anything else is logged under an id that the sentence names.
    """
    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            try:
                return await handler(*args, **kwargs)
            except Exception as error:
                refuse(error)

        return spoken(run_async)

    @functools.wraps(handler)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return handler(*args, **kwargs)
        except Exception as error:
            refuse(error)

    return spoken(run)


def problem(key: str) -> gr.Error:
    """What a handler raises where the visitor has to do something first; `key` says what."""
    return gr.Error(say(key), title=say("error.title"), print_exception=False)


def notice(key: str, seconds: float) -> None:
    """Tells the visitor, for that long, that something was done."""
    gr.Info(say(key), duration=seconds, title=say("frame.notice"))


def refuse(error: Exception) -> NoReturn:
    """Raises: gr.Error with the sentence for this failure."""
    if isinstance(error, gr.Error):
        raise error
    told = escape(sentence(error), quote=False)  # Gradio's notices are HTML
    raise gr.Error(told, title=say("error.title"), print_exception=False) from error


def sentence(error: Exception) -> str:
    """What a person is told about this failure; what nobody foresaw goes to the log with an id."""
    if isinstance(error, LabError):
        return translated(str(error))
    incident = secrets.token_hex(3)
    log.exception("unforeseen failure %s", incident, exc_info=error)
    return say("error.unexpected", id=incident)
