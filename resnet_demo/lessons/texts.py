"""The lessons' prose: one Markdown file a lesson and language, with figures filled in and claims kept or left out.

A paragraph that begins with `?name:` stands only where the figure of that name is true, `?!name:` only where it is not.
`{name}` and `{name:.3f}` are figures, written as `str.format` writes them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from .table import HERE

KEYS = ("1", "2", "3", "4", "5", "6", "7", "teacher")
_CLAIM = re.compile(r"\?(!?)(\w+):\s*")
_LINK = re.compile(r"\[([^\]]*)\]\((\?[^)\s]*)\)")


@lru_cache(maxsize=64)
def source(key: str, lang: str = "en") -> str:
    """A lesson's file as it is written; in English where the language has none."""
    for folder in (lang, "en"):
        for path in sorted((HERE / folder).glob(f"{key}-*.md")) + sorted((HERE / folder).glob(f"{key}.md")):
            return path.read_text(encoding="utf-8")
    raise KeyError(key)


def title(key: str, lang: str = "en") -> str:
    """The lesson's name: the file's first line."""
    return source(key, lang).split("\n", 1)[0].removeprefix("# ").strip()


def body(key: str, figures: dict[str, Any], lang: str = "en") -> str:
    """The Markdown under the title, with those paragraphs that hold and with their figures."""
    text = source(key, lang).split("\n", 1)[1]
    kept = (_kept(paragraph, figures) for paragraph in re.split(r"\n{2,}", text.strip()))
    return "\n\n".join(paragraph for paragraph in kept if paragraph)


def _kept(paragraph: str, figures: dict[str, Any]) -> str:
    while claim := _CLAIM.match(paragraph):
        if bool(figures.get(claim[2])) == bool(claim[1]):
            return ""
        paragraph = paragraph[claim.end() :]
    return paragraph.format_map(figures)


def links(text: str) -> list[tuple[str, str]]:
    """(words, address) of every link into the lab, such as `?lesson=2` or the settings of a form."""
    return _LINK.findall(text)
