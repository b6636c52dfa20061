"""How events ask the server: what many of them have in common."""

from __future__ import annotations

from typing import Any

# Answered at once, past the queue, while nothing on the page turns.
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
# By the queue, since a handler says a word to the visitor afterwards.
SPOKEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
