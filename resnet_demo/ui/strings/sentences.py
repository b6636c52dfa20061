"""The core's English sentences in the language of the page.

The core and the command line speak English: an error is a template with holes, and what fills a hole is often a piece
of English itself. Here both are keys, like gettext's: every English template is made a pattern, a sentence is matched
with it as a whole, and what stands in its holes is translated in turn. So a sentence that was written down long ago,
as in a run's status.json, can be translated as well. What no pattern knows stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

HOLE = re.compile(r"\{(\w+)(?::[^}]*)?\}")
DEEPEST = 6
LONGEST = 4000  # characters: what is longer was not written by the core, but put into its sentence by somebody
# A hole between Chinese words has spaces about it for the name or number that mostly fills it; between two Chinese
# characters there is none.
_CHINESE = r"[\u3001-\u303f\u4e00-\u9fff\uff00-\uffef]"
_NEEDLESS = re.compile(f"(?<={_CHINESE}) (?={_CHINESE})")


def _filled(words: str, holes: Mapping[str, str]) -> str:
    return HOLE.sub(lambda hole: holes[hole[1]], words)


class Sentences:
    """One language's table: English template -> template in that language, with the same holes."""

    def __init__(self, templates: Mapping[str, str]) -> None:
        self.templates = templates
        ordered = sorted(templates, key=lambda template: len(HOLE.sub("", template)), reverse=True)
        self._patterns = [(Pattern(template), templates[template]) for template in ordered]
        self._plain = {template: words for template, words in templates.items() if not HOLE.search(template)}
        self._remembered = lru_cache(maxsize=512)(self._translated)

    def translated(self, text: str) -> str:
        """`text` in this language, as far as it is known there."""
        return self._remembered(text) if len(text) <= LONGEST else text

    def _translated(self, text: str, depth: int = 0) -> str:
        """`text` in this language; a piece that is not known stays as it is."""
        if text in self._plain:
            return self._plain[text]
        if depth < DEEPEST:
            for pattern, words in self._patterns:
                if (found := pattern.holes(text)) is not None:
                    holes = {name: self._hole(value, depth + 1) for name, value in found.items()}
                    return _NEEDLESS.sub("", _filled(words, holes))
        return text

    def _hole(self, text: str, depth: int) -> str:
        """What fills a hole; a whole sentence may stand there without its stop."""
        words = self._translated(text, depth)
        if words == text and text:
            told = self._translated(f"{text}.", depth)
            return told.removesuffix("。").removesuffix(".") if told != f"{text}." else text
        return words


class Pattern:
    """A template that is looked for in a text, each hole as short as the rest lets it be. What visitors put into a
    sentence comes here, so it takes a time in proportion to the text, which a regular expression does not."""

    def __init__(self, template: str) -> None:
        self.names = [hole[1] for hole in HOLE.finditer(template)]
        self.first, *self.between = HOLE.sub("\0", template).split("\0")
        self.last = self.between.pop() if self.between else ""

    def holes(self, text: str) -> dict[str, str] | None:
        """What stands in each hole; None if the text is not this template's."""
        at, end = len(self.first), len(text) - len(self.last)
        if at > end or not self.names or not (text.startswith(self.first) and text.endswith(self.last)):
            return None
        found = []
        for words in self.between:
            place = text.find(words, at, end)
            if place < 0:
                return None
            found.append(text[at:place])
            at = place + len(words)
        return dict(zip(self.names, [*found, text[at:end]]))
