"""Many pictures at once, loose or in a folder or .zip: each goes the way of one, and folders' names are labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .errors import ArchiveRefused, ClassesDiffer, PictureRefused
from .imagesets import ImageSet
from .layout import SUFFIXES
from .listing import Entry, listed
from .pictures import MAX_BYTES
from .predict import view_for

if TYPE_CHECKING:
    from .checkpoint import Checkpoint

MOST_PICTURES = 5_000
MOST_BYTES = 100_000_000  # of all views together
Progress = Callable[[str, "float | None"], None]


@dataclass(frozen=True, eq=False)
class Pictures:
    """What the model is shown: `views` uint8 (N, C, H, W), and `names` of the files they came from.

    `labels` is int64 (N,) in the checkpoint's own order of classes where every picture lies in a folder of a class,
    else None. `refused` are the sentences on those that could not be read.
    """

    names: tuple[str, ...]
    views: Tensor
    labels: Tensor | None
    refused: tuple[str, ...] = ()

    def labelled(self, checkpoint: Checkpoint) -> ImageSet | None:
        return None if self.labels is None else ImageSet(self.views, self.labels, checkpoint.classes)


def read_many(
    checkpoint: Checkpoint, sources: Sequence[tuple[Path, str]], fit: str = "auto", invert: str = "auto",
    progress: Progress = lambda what, share: None,
) -> Pictures:  # fmt: skip
    """The pictures of `sources`: (path, what it is called), each a picture, a folder or a .zip.

    Raises: ArchiveRefused where there is none to be read or they are too many; ClassesDiffer for folders whose names
    are no classes of the checkpoint.
    """
    with ExitStack() as stack:
        entries = [entry for source in sources for entry in _entries(*source, stack)]
        most = min(MOST_PICTURES, MOST_BYTES // prod(checkpoint.shape))
        if len(entries) > most:
            raise ArchiveRefused(path=sources[0][1], why=f"these are {len(entries):,} pictures, more than {most:,}")
        names, views, refused = _views(checkpoint, entries, fit, invert, progress)
    if not views:
        why = f"none of its pictures can be read. {refused[0]}" if refused else "there are no pictures in it"
        raise ArchiveRefused(path=sources[0][1] if sources else "What was brought", why=why.rstrip("."))
    return Pictures(tuple(names), torch.stack(views), _labels(checkpoint, names), tuple(refused))


def _entries(path: Path, name: str, stack: ExitStack) -> Iterator[Entry]:
    if path.is_dir() or ".zip" in (path.suffix.lower(), PurePosixPath(name).suffix.lower()):
        found = stack.enter_context(listed(path)).files
        yield from (entry for entry in found if PurePosixPath(entry.path).suffix.lower() in SUFFIXES)
    else:
        yield Entry((Path(name).name,), path.stat().st_size if path.is_file() else 0, 0, path.read_bytes)


def _views(
    checkpoint: Checkpoint, entries: list[Entry], fit: str, invert: str, progress: Progress
) -> tuple[list[str], list[Tensor], list[str]]:
    names, views, refused = [], [], []
    for index, entry in enumerate(entries):
        try:
            views.append(view_for(checkpoint, _content(entry), fit, invert).pixels)
            names.append(entry.path)
        except PictureRefused as error:
            refused.append(str(error).replace("This picture", entry.path[-80:], 1))
        if index % 16 == 0:
            progress("reading the pictures", index / len(entries))
    return names, views, refused


def _content(entry: Entry) -> bytes:
    if entry.size_bytes > MAX_BYTES:
        raise PictureRefused(picture=entry.path[-80:], why=f"it is larger than {MAX_BYTES // 2**20} MB")
    try:
        return entry.read()
    except Exception as error:  # zipfile raises much besides BadZipFile for a damaged member
        raise PictureRefused(picture=entry.path[-80:], why="it is damaged") from error


def _labels(checkpoint: Checkpoint, names: list[str]) -> Tensor | None:
    """By the folder that each lies in, whatever the case of its letters; None where some lie in none."""
    folders = [PurePosixPath(name).parts[-2:-1] for name in names]
    if not all(folders):
        return None
    known = {_plain(name): label for label, name in enumerate(checkpoint.classes)}
    given = [_plain(folder[0]) for folder in folders]
    strangers = sorted({folder[0] for folder, name in zip(folders, given) if name not in known})
    if strangers:
        raise ClassesDiffer(checkpoint=checkpoint.name, known=_listed(checkpoint.classes), given=_listed(strangers))
    return torch.tensor([known[name] for name in given])


def _plain(name: str) -> str:
    """A class's name as a folder can have it: “T-shirt/top” is the folder “T-shirt_top”."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.casefold())


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(name[:40] for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
