"""Which picture belongs to which class and split, told from its path alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from .errors import ArchiveRefused
from .listing import Entry, Listing

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".avif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"}
TRAIN_NAMES = ("train", "training")
TEST_NAMES = ("test", "testing", "val", "valid", "validation")  # the first one that is there
TEST_SHARE = 0.2
MOST_CLASSES = 1_000
LONGEST_NAME = 80  # of a folder, where it is shown
HOW = "it needs a folder for each class, as in cats/1.jpg and dogs/1.jpg, or those inside train/ and test/"


Parts = tuple[str, ...]  # of a path
Classes = dict[str, list[tuple[str, Entry]]]  # a class's pictures, each with its path


@dataclass(frozen=True)
class Layout:
    """Class names in order, and for each split its pictures with their labels, by class and then by path."""

    classes: tuple[str, ...]
    train: list[tuple[Entry, int]]
    test: list[tuple[Entry, int]]


def path_share(path: str) -> float:
    """A number in [0, 1) that depends on `path` (class/file.jpg) alone, on every machine the same."""
    return int.from_bytes(hashlib.sha256(path.encode("utf-8", "surrogatepass")).digest()[:8], "big") / 2**64


def is_test(path: str) -> bool:
    """Whether the picture at `path` (class/file.jpg) is one of the 20 % to test on."""
    return path_share(path) < TEST_SHARE


def lay_out(listing: Listing, name: str) -> Layout:
    """Classes and splits of `train/<class>/*` + `test/<class>/*`, or of `<class>/*`, where 20 % are test by their path.

    A single folder around everything is looked through. Raises: ArchiveRefused with what is missing; `name` is whose.
    """
    pictures = {entry.parts: entry for entry in listing.files if PurePosixPath(entry.path).suffix.lower() in SUFFIXES}
    if not pictures:
        raise ArchiveRefused(path=name, why=f"there are no pictures in it; {HOW}")
    depth = _wrapping(pictures, listing.folders)
    pictures = {parts[depth:]: entry for parts, entry in pictures.items() if len(parts) > depth}
    folders = {parts[depth:] for parts in listing.folders if len(parts) > depth}
    splits = _named_splits(folders)
    if splits is None:
        return _cut_by_path(_by_class(pictures, folders, name), name)
    train, test = (_by_class(*_inside(split, pictures, folders), name) for split in splits)
    return _as_given(train, test, name)


def _wrapping(pictures: Iterable[Parts], folders: set[Parts]) -> int:
    """How many single folders stand around the class folders."""
    deepest = max(len(parts) for parts in pictures)
    depth = 0
    while depth + 2 < deepest and len({parts[depth] for parts in folders if len(parts) > depth}) == 1:
        depth += 1
    return depth


def _named_splits(folders: set[Parts]) -> tuple[str, str] | None:
    tops = {parts[0].lower(): parts[0] for parts in folders}
    train = next((tops[name] for name in TRAIN_NAMES if name in tops), None)
    test = next((tops[name] for name in TEST_NAMES if name in tops), None)
    return (train, test) if train and test else None


def _inside(top: str, pictures: dict[Parts, Entry], folders: set[Parts]) -> tuple[dict[Parts, Entry], set[Parts]]:
    return (
        {parts[1:]: entry for parts, entry in pictures.items() if parts[0] == top and len(parts) > 1},
        {parts[1:] for parts in folders if parts[0] == top and len(parts) > 1},
    )


def _by_class(pictures: dict[Parts, Entry], folders: set[Parts], name: str) -> Classes:
    classes: Classes = {parts[0]: [] for parts in folders}
    for parts, entry in sorted(pictures.items()):
        if len(parts) > 1:
            classes[parts[0]].append(("/".join(parts), entry))
    if len(classes) < 2:
        raise ArchiveRefused(path=name, why=f"it has fewer than two classes; {HOW}")
    if len(classes) > MOST_CLASSES:
        raise ArchiveRefused(path=name, why=f"it has {len(classes):,} classes, more than {MOST_CLASSES:,}")
    for class_name, members in classes.items():
        if not members:
            raise ArchiveRefused(path=name, why=f"the folder “{class_name[:LONGEST_NAME]}” has no pictures in it")
    return dict(sorted(classes.items()))


def _as_given(train: Classes, test: Classes, name: str) -> Layout:
    for class_name in sorted(set(train) ^ set(test)):
        lacking = "test" if class_name in train else "train"
        short = class_name[:LONGEST_NAME]
        raise ArchiveRefused(path=name, why=f"the class “{short}” has no pictures to {lacking} with")
    return _layout(train, test)


def _cut_by_path(classes: Classes, name: str) -> Layout:
    train: Classes = {}
    test: Classes = {}
    for class_name, members in classes.items():
        if len(members) < 2:
            short = class_name[:LONGEST_NAME]
            raise ArchiveRefused(path=name, why=f"the class “{short}” has one picture only, and two are the least")
        ordered = sorted(members, key=lambda member: path_share(member[0]))
        # Small classes: whatever chance does, one picture at least is on either side.
        count = min(max(1, sum(is_test(path) for path, _ in members)), len(members) - 1)
        test[class_name], train[class_name] = sorted(ordered[:count]), sorted(ordered[count:])
    return _layout(train, test)


def _layout(train: Classes, test: Classes) -> Layout:
    def labelled(classes: Classes) -> list[tuple[Entry, int]]:
        return [(entry, label) for label, members in enumerate(classes.values()) for _, entry in members]

    return Layout(tuple(train), labelled(train), labelled(test))
