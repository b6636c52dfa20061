"""Archives that nobody should have to open: they escape, lie, link, or unpack to far more than they are."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from functools import cache

from bad_pictures import TENTHS, BadInput, picture_file, png


def archives(*, large: bool = True) -> Iterator[BadInput]:
    """`large` adds those of 100,000 files and more, which take some seconds to make."""
    yield from escaping()
    yield from odd_archives()
    yield from archive_bombs()
    if large:
        yield BadInput("100000-files.zip", zip_of({f"{n % 2}/{n}.png": b"" for n in range(100_000)}))
        yield BadInput("200001-files.zip", zip_of({f"{n % 2}/{n}.png": b"" for n in range(200_001)}))


@cache
def pets() -> dict[str, bytes]:
    return {f"{name}/{n}.png": picture_file("PNG", (9, 9)) for name in ("cats", "dogs") for n in range(3)}


def zip_of(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def escaping() -> Iterator[BadInput]:
    names = ("../evil.png", "cats/../../evil.png", "/evil.png", "C:/evil.png", "C:\\evil.png", "..\\evil.png",
             "\\\\server\\share\\evil.png", "cats\\..\\..\\evil.png", "//server/evil.png", "cats/..")  # fmt: skip
    for number, name in enumerate(names):
        yield BadInput(f"escapes-{number}.zip", zip_of({**pets(), name: picture_file("PNG")}))
    for number, target in enumerate(("/etc/passwd", "../../secret.png", "/dev/zero", ".")):
        link = zipfile.ZipInfo("cats/link.png")
        link.external_attr = 0o120777 << 16
        file = io.BytesIO(zip_of(pets()))
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(link, target)
        yield BadInput(f"link-{number}.zip", file.getvalue())


def odd_archives() -> Iterator[BadInput]:
    good = zip_of(pets())
    for tenth in TENTHS:
        yield BadInput(f"cut-{tenth}.zip", good[: len(good) * tenth // 10])
    yield BadInput("no-files.zip", zip_of({}))
    yield BadInput("no-pictures.zip", zip_of({"cats/a.txt": b"a", "dogs/b.txt": b"b"}))
    yield BadInput("one-class.zip", zip_of({"cats/1.png": picture_file("PNG"), "cats/2.png": picture_file("PNG")}))
    yield BadInput("empty-folder.zip", zip_of({**pets(), "eels/": b""}))
    yield BadInput("nothing-to-read.zip", zip_of({name: b"no picture" for name in pets()}))
    one = picture_file("PNG")
    yield BadInput("no-train.zip", zip_of({"train/cats/1.png": one, "test/dogs/1.png": one}))
    yield BadInput("zip-in-zip.zip", zip_of({"cats/a.zip": good, "dogs/b.zip": good}))
    yield BadInput("lzma.zip", zip_of(pets(), zipfile.ZIP_LZMA))
    yield BadInput("bzip2.zip", zip_of(pets(), zipfile.ZIP_BZIP2))
    yield BadInput("locked.zip", _with_flag(good, 1))
    yield BadInput("not-a-zip.zip", b"hello")
    yield BadInput("rar.zip", b"Rar!\x1a\x07\x00" + bytes(60))
    yield BadInput("seven.zip", b"7z\xbc\xaf\x27\x1c" + bytes(60))
    yield BadInput("gzip.zip", gzip.compress(good))
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../evil.png"))
    yield BadInput("tar.zip", tar.getvalue())
    yield BadInput("deep.zip", zip_of({"/".join(["a"] * 2000) + "/x.png": b"", "b/y.png": b""}))
    yield BadInput("long-name.zip", zip_of({"c" * 60_000 + "/x.png": b"", "d/y.png": b""}))
    yield BadInput("many-classes.zip", zip_of({f"{n}/{i}.png": b"" for n in range(1500) for i in range(2)}))
    end = good.rindex(b"PK\x05\x06")
    for number, (at, value) in enumerate(
        ((8, b"\xff\xff\xff\xff"), (12, b"\xff\xff\xff\x7f"), (16, b"\xff\xff\xff\x7f"))
    ):
        lying = bytearray(good)
        lying[end + at : end + at + 4] = value
        # The number of entries alone is believed by nobody.
        yield BadInput(f"lying-end-{number}.zip", bytes(lying), may_pass=number == 0)
    scripted = {f"<script>alert(1)</script>{name}": data for name, data in pets().items()}
    yield BadInput("scripted-names.zip", zip_of(scripted), may_pass=True)
    yield BadInput("picture-bomb.zip", zip_of({**pets(), "cats/bomb.png": png(30000, 30000)}), may_pass=True)


def _with_flag(data: bytes, flag: int) -> bytes:
    marked = bytearray(data)
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = marked.find(magic)
        while start >= 0:
            marked[start + at] |= flag
            start = marked.find(magic, start + 4)
    return bytes(marked)


def archive_bombs() -> Iterator[BadInput]:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in ("cats", "dogs"):
            with archive.open(f"{name}/1.png", "w") as member:
                for _ in range(150):
                    member.write(bytes(2**20))
    bomb = file.getvalue()
    yield BadInput("bomb.zip", bomb)
    lying = bytearray(bomb)
    start = lying.find(b"PK\x01\x02")
    while start >= 0:
        lying[start + 24 : start + 28] = struct.pack("<I", 100)
        start = lying.find(b"PK\x01\x02", start + 4)
    yield BadInput("bomb-that-says-100-bytes.zip", bytes(lying))
    entry = bytearray(zip_of({"cats/1.png": bytes(2**20)}))
    start, end = entry.index(b"PK\x01\x02"), entry.index(b"PK\x05\x06")
    record, count = bytes(entry[start:end]), 3000  # one packed member that three thousand names share
    records = b"".join(record.replace(b"cats/1.png", b"%04d/1.png" % n) for n in range(count))
    closing = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(records), start, 0)
    yield BadInput("bomb-of-overlaps.zip", bytes(entry[:start]) + records + closing)
