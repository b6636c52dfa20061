"""What a folder or a .zip holds, listed before anything is read; a .zip is never unpacked to disk."""

from __future__ import annotations

import os
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from .errors import ArchiveRefused

MOST_FILES = 200_000
MOST_BYTES = 4_000_000_000
MOST_RATIO = 100  # unpacked to packed; above it and above HARMLESS_BYTES an archive is taken for a bomb
HARMLESS_BYTES = 100_000_000
MOST_DEPTH = 16
COMPRESSIONS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others can ask for gigabytes to unpack a byte
ENCRYPTED = 0x1


@dataclass(frozen=True)
class Entry:
    """One file: its path inside the folder or .zip, parts in NFC; `mtime` in ns (0 in a .zip)."""

    parts: tuple[str, ...]
    size_bytes: int
    mtime: int = field(compare=False, repr=False)
    read: Callable[[], bytes] = field(compare=False, repr=False)

    @property
    def path(self) -> str:
        return "/".join(self.parts)


@dataclass
class Listing:
    """Every file in the order of its path, every folder, and how many links were left alone."""

    files: list[Entry] = field(default_factory=list)
    folders: set[tuple[str, ...]] = field(default_factory=set)
    links: int = 0


@contextmanager
def listed(path: Path) -> Iterator[Listing]:
    """The listing of a folder or .zip; its entries can be read, by several threads, until the block ends.

    Hidden files and what macOS adds are not listed, links are not followed.

    Raises: ArchiveRefused for anything else, and for an archive that is damaged, unsafe or past the limits.
    """
    if path.is_dir():
        yield _sorted(_list_folder(path))
        return
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _refused(path, "it is neither a folder nor a .zip file that can be read") from error
    with archive:
        yield _sorted(_list_zip(path, archive))


def _refused(path: Path, why: str) -> ArchiveRefused:
    return ArchiveRefused(path=path.name or str(path), why=why)


def _sorted(listing: Listing) -> Listing:
    listing.files.sort(key=lambda entry: entry.parts)
    return listing


def _list_folder(root: Path) -> Listing:
    listing = Listing()
    total_bytes = 0
    waiting: list[tuple[str, tuple[str, ...]]] = [(str(root), ())]
    while waiting:
        folder, above = waiting.pop()
        for item in _children(folder, root):
            parts = (*above, _plain(item.name))
            if _is_hidden(parts):
                continue
            if item.is_symlink():
                listing.links += 1
            elif item.is_dir(follow_symlinks=False):
                listing.folders.add(parts)
                if len(parts) < MOST_DEPTH:
                    waiting.append((item.path, parts))
            elif item.is_file(follow_symlinks=False):
                found = item.stat(follow_symlinks=False)
                total_bytes += found.st_size
                read = Path(item.path).read_bytes
                listing.files.append(Entry(parts, found.st_size, found.st_mtime_ns, read))
            _check_limits(root, len(listing.files) + len(listing.folders), total_bytes)
    return listing


def _children(folder: str, root: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as items:
            return list(items)
    except OSError as error:
        why = f"its folder “{Path(folder).name}” cannot be opened ({error.strerror})"
        raise _refused(root, why) from error


def _list_zip(path: Path, archive: zipfile.ZipFile) -> Listing:
    listing = Listing()
    members = archive.infolist()
    total_bytes = sum(member.file_size for member in members)
    _check_limits(path, len(members), total_bytes)
    if total_bytes > max(HARMLESS_BYTES, MOST_RATIO * path.stat().st_size):
        raise _refused(path, "it would unpack to far more than its size")
    for member in members:
        parts = _safe_parts(path, member)
        listing.folders.update(parts[:depth] for depth in range(1, len(parts)) if not _is_hidden(parts[:depth]))
        if not parts or _is_hidden(parts):
            continue
        if member.is_dir():
            listing.folders.add(parts)
        else:
            listing.files.append(Entry(parts, member.file_size, 0, partial(archive.read, member)))
    return listing


def _safe_parts(path: Path, member: zipfile.ZipInfo) -> tuple[str, ...]:
    name = member.filename.replace("\\", "/")
    parts = tuple(_plain(part) for part in PurePosixPath(name).parts)
    shown = name[:80]
    if name.startswith("/") or ".." in parts or (parts and parts[0].endswith(":")):
        raise _refused(path, f"the name “{shown}” in it points outside of it")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _refused(path, f"“{shown}” in it is a link")
    if member.flag_bits & ENCRYPTED:
        raise _refused(path, "it is encrypted")
    if member.compress_type not in COMPRESSIONS:
        raise _refused(path, "it is packed in an unusual way; pack it again as a plain .zip")
    return parts


def _check_limits(path: Path, files: int, total_bytes: int) -> None:
    if files > MOST_FILES:
        raise _refused(path, f"it holds more than {MOST_FILES:,} files")
    if total_bytes > MOST_BYTES:
        raise _refused(path, f"it holds more than {MOST_BYTES // 1_000_000_000} GB")


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _is_hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)
