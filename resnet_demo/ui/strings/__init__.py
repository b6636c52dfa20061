"""Every visible word of the page, a table for each language.

The page is built once in each language, inside `speaking(...)`; what `spoken` makes of a handler goes on in the
language that it was made in. So whoever wants words asks `say` for them by their key alone.
"""

from __future__ import annotations

import functools
import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from . import en
from .sentences import Sentences

DEFAULT = "en"


@dataclass(frozen=True)
class Language:
    """`tag` is what HTML calls it, `name` what its speakers do. `words` has the page's own texts, `sentences` the
    core's English ones, `names` what classes and data sets are called on the page where that is not their English."""

    tag: str
    name: str
    words: Mapping[str, str]
    sentences: Sentences = field(default_factory=lambda: Sentences({}))
    names: Mapping[str, str] = field(default_factory=dict)


def _language(key: str) -> Language:
    """From its module: TAG, NAME and ALL, and where the core's English is not its own TEMPLATES and NAMES."""
    module = import_module(f".{key}", __name__)
    sentences, names = getattr(module, "TEMPLATES", {}), getattr(module, "NAMES", {})
    return Language(module.TAG, module.NAME, module.ALL, Sentences(sentences), names)


# Every module here of two letters is a language; that is its page's address too, but the default's is the root.
_KEYS = [module.name for module in pkgutil.iter_modules(__path__) if len(module.name) == 2]
LANGUAGES = {key: _language(key) for key in sorted(_KEYS, key=lambda key: (key != DEFAULT, key))}
_spoken: ContextVar[str] = ContextVar("language", default=DEFAULT)


def language() -> str:
    """The key of the language that is spoken here and now."""
    return _spoken.get()


@contextmanager
def speaking(lang: str) -> Iterator[None]:
    """Within it that language is spoken.  Raises: KeyError for one that is not among LANGUAGES."""
    LANGUAGES[lang]
    token = _spoken.set(lang)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken(handler: Callable[..., Any]) -> Callable[..., Any]:
    """The handler, or the server function, speaking the language that is spoken now whenever it is called later."""
    lang = language()
    if inspect.iscoroutinefunction(handler):

        @functools.wraps(handler)
        async def run_async(*args: Any, **kwargs: Any) -> Any:
            with speaking(lang):
                return await handler(*args, **kwargs)

        run_async.language = lang  # type: ignore[attr-defined]
        return run_async

    @functools.wraps(handler)
    def run(*args: Any, **kwargs: Any) -> Any:
        with speaking(lang):
            return handler(*args, **kwargs)

    run.language = lang  # type: ignore[attr-defined]
    return run


def say(key: str, **fields: Any) -> str:
    """The words under `key`, filled with `fields`; in English where the language has none yet.

    Raises: KeyError if there is no such key.
    """
    words = LANGUAGES[language()].words
    text = words[key] if key in words else en.ALL[key]
    return text.format(**fields) if fields else text


def translated(sentence: str) -> str:
    """A sentence of the core, which speaks English, in the language spoken here; as it is where that is not known."""
    return LANGUAGES[language()].sentences.translated(sentence)


def named(name: str) -> str:
    """What a class or a data set is called here."""
    return LANGUAGES[language()].names.get(name, name)


def kept_by_language(maxsize: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """functools.lru_cache for what has words in it."""

    def decorate(make: Callable[..., Any]) -> Callable[..., Any]:
        @functools.lru_cache(maxsize=maxsize * len(LANGUAGES))
        def kept(lang: str, *args: Any) -> Any:
            return make(*args)

        @functools.wraps(make)
        def look_up(*args: Any) -> Any:
            return kept(language(), *args)

        look_up.cache_clear = kept.cache_clear  # type: ignore[attr-defined]
        return look_up

    return decorate
