"""Every visible word of the page, one module a language: `say` fills a sentence, `label` names a control."""

from __future__ import annotations

from typing import Any

from . import en

LANGUAGES: dict[str, dict[str, str]] = {"en": en.ALL}


def say(key: str, lang: str = "en", **fields: Any) -> str:
    """The sentence under `key` in `lang` (English where the language is not there), filled with `fields`.

    Raises: KeyError if there is no such key.
    """
    text = LANGUAGES.get(lang, en.ALL)[key]
    return text.format(**fields) if fields else text


def label(key: str) -> str:
    """The words of a control that is built once for all visitors."""
    return say(key)
