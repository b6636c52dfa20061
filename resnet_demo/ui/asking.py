"""How events ask the server: what many of them have in common."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread

# Answered at once, past the queue, while nothing on the page turns. What the page asks for by itself goes this way: a
# browser that is busy when an answer of the queue ends may lose another that it asked for meanwhile, a visitor's click.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# By the queue, since a handler says a word to the visitor afterwards.
SPOKEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
PLACES = anyio.CapacityLimiter(2)  # one for all languages' pages


def in_turn(handler: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    """The handler, for a few visitors at a time as in the queue: who waits takes no thread from the others."""

    @functools.wraps(handler)
    async def run(*given: Any) -> Any:
        return await anyio.to_thread.run_sync(handler, *given, limiter=PLACES)

    return run
