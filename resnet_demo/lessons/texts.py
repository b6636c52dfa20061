"""The lessons' prose: one Markdown file a lesson and language, with figures filled in and claims kept or left out.

A paragraph that begins with `?name:` stands only where the figure of that name is true, `?!name:` only where it is not;
in a paragraph that stands, so does what follows a line that begins with one, up to the next such line.
`{name}` and `{name:.3f}` are figures, written as `str.format` writes them.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from .table import HERE

# The files' names up to the first hyphen: the lessons by their numbers, then what is for teachers.
KEYS = tuple(sorted((path.stem.split("-")[0] for path in (HERE / "en").glob("*.md")), key=lambda key: (len(key), key)))
_CLAIM = re.compile(r"\?(!?)(\w+):\s*")
_LATER = re.compile(r"\n(?=\?!?\w+:)")
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
    """The Markdown under the title, with what holds of it and with its figures."""
    text = source(key, lang).split("\n", 1)[1]
    glue = "" if lang == "zh" else "\n"
    kept = (_kept(paragraph, figures, glue) for paragraph in re.split(r"\n{2,}", text.strip()))
    return "\n\n".join(paragraph for paragraph in kept if paragraph)


def _kept(paragraph: str, figures: dict[str, Any], glue: str) -> str:
    first, *later = _LATER.split(paragraph)
    if not (begun := _said(first, figures)):
        return ""
    return glue.join([begun, *filter(None, (_said(part, figures) for part in later))])


def _said(part: str, figures: dict[str, Any]) -> str:
    while claim := _CLAIM.match(part):
        if bool(figures.get(claim[2])) == bool(claim[1]):
            return ""
        part = part[claim.end() :]
    return part.format_map(figures)


def links(text: str) -> list[tuple[str, str]]:
    """(words, address) of every link into the lab, such as `?lesson=2` or the settings of a form."""
    return _LINK.findall(text)
