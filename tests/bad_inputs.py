"""Files that nobody should have to open: at least two hundred, made here, each small on disk whatever it claims to be.

Pictures, archives and checkpoints. `may_pass` marks those that a reader may just as well make sense of (a picture with
a script behind it is a picture); all others are to be refused in a sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from bad_archives import archives, escaping, odd_archives, pets, zip_of
from bad_checkpoints import MARK, carded, checkpoints, cut_checkpoints, lying_cards, lying_headers, pickles, saved
from bad_pictures import BadInput, cut_pictures, no_pictures, picture_file, pictures, polyglots

__all__ = [
    "MARK", "BadInput", "archives", "carded", "checkpoints", "named", "pets", "picture_file", "pictures", "sample",
    "saved", "zip_of",
]  # fmt: skip


def sample() -> tuple[list[BadInput], list[BadInput], list[BadInput]]:
    """Some pictures, archives and checkpoints of every sort that is quickly made."""
    return (
        [*islice(cut_pictures(), 1, 70, 9), *islice(no_pictures(), 0, None, 3), *polyglots()],
        [*islice(escaping(), 0, None, 2), *islice(odd_archives(), 1, 30, 3)],
        [*islice(cut_checkpoints(), 1, None, 5), *islice(lying_headers(), 0, None, 2),
         *islice(lying_cards(), 0, None, 6), *islice(pickles(), 0, None, 4)],
    )  # fmt: skip


def named(corpus: Iterable[BadInput], names: Iterable[str]) -> Iterator[BadInput]:
    """Those of these names; the rest of the corpus is not made once all are found."""
    left = set(names)
    for bad in corpus:
        if bad.name in left:
            left.remove(bad.name)
            yield bad
        if not left:
            return
    raise KeyError(left)
