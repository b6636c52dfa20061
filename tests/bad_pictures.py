"""Pictures that nobody should have to open: cut, lying about their size, no pictures at all, or something else too."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, features

TENTHS = range(10)


@dataclass(frozen=True)
class BadInput:
    name: str
    data: bytes
    may_pass: bool = False


def pictures() -> Iterator[BadInput]:
    yield from cut_pictures()
    yield from lying_pictures()
    yield from no_pictures()
    yield from polyglots()


def picture_file(kind: str, size: tuple[int, int] = (48, 40), **options) -> bytes:
    noise = np.random.RandomState(0).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


def cut_pictures() -> Iterator[BadInput]:
    kinds = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM"]
    kinds += [kind for kind in ("WEBP", "AVIF") if features.check(kind.lower())]
    for kind in kinds:
        data = picture_file(kind)
        for tenth in TENTHS:
            # Of a GIF or a progressive file the part that came is a picture to some readers.
            yield BadInput(f"cut-{tenth}.{kind.lower()}", data[: len(data) * tenth // 10], may_pass=kind == "GIF")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, pixels: bytes = b"", *extra: bytes, depth: int = 8, colour: int = 0) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", head, *extra, _chunk(b"IDAT", zlib.compress(pixels, 9)), _chunk(b"IEND", b""))
    )


def _bmp(width: int, height: int) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + head


def _gif(width: int, height: int) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHH", 0, 0, width, height) + b"\x00\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00" + bytes(6) + frame + b";"


def _tiff(*tags: tuple[int, int, int, int], next_at: int = 0) -> bytes:
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\x00" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", next_at)


def lying_pictures() -> Iterator[BadInput]:
    rows = (b"\x00" + bytes(1500)) * 12000
    yield BadInput("bomb-144-megapixels.png", png(12000, 12000, rows, depth=1))
    yield BadInput("bomb-51-megapixels.png", png(7200, 7200, (b"\x00" + bytes(900)) * 7200, depth=1))
    for side in (30_000, 65_535, 2**31 - 1):
        yield BadInput(f"says-{side}.png", png(side, side))
        yield BadInput(f"says-{side}.bmp", _bmp(side, side))
        yield BadInput(f"says-{side}.ppm", b"P6 %d %d 255\n" % (side, side))
        yield BadInput(f"says-{min(side, 65535)}-{side}.gif", _gif(min(side, 65535), min(side, 65535)))
        yield BadInput(f"says-{side}.tif", _tiff(
            (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
            (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, 10),
        ))  # fmt: skip
    jpeg = bytearray(picture_file("JPEG"))
    start = jpeg.index(b"\xff\xc0")
    for name, height, width in (("huge", 65_500, 65_500), ("flat", 0, 40), ("thin", 40, 0)):
        jpeg[start + 5 : start + 9] = struct.pack(">HH", height, width)
        yield BadInput(f"{name}.jpg", bytes(jpeg))
    for width, height in ((0, 10), (10, 0), (0, 0)):
        yield BadInput(f"zero-{width}-{height}.png", png(width, height))
        yield BadInput(f"zero-{width}-{height}.ppm", b"P6 %d %d 255\n" % (width, height))
        yield BadInput(f"zero-{width}-{height}.bmp", _bmp(width, height))
        yield BadInput(f"zero-{width}-{height}.gif", _gif(width, height), may_pass=True)
    good = bytearray(picture_file("PNG"))
    good[60] ^= 0xFF
    yield BadInput("wrong-checksum.png", bytes(good))
    text = zlib.compress(bytes(200_000_000), 9)
    yield BadInput("text-bomb.png", png(4, 4, bytes(20), _chunk(b"zTXt", b"a\x00\x00" + text)), may_pass=True)
    yield BadInput("profile-bomb.png", png(4, 4, bytes(20), _chunk(b"iCCP", b"a\x00\x00" + text)), may_pass=True)
    yield BadInput("pixel-bomb.png", png(4, 4, bytes(100_000_000)), may_pass=True)
    yield BadInput("turns-in-a-circle.tif", _tiff((256, 4, 1, 4), next_at=8))
    yield BadInput("many-values.tif", _tiff((256, 4, 2**31, 8), (257, 4, 2**32 - 1, 8)))
    yield BadInput("minus.ppm", b"P6 -3 -3 255\n" + bytes(27))
    yield BadInput("more-than-it-has.ppm", b"P6 400 400 255\n" + bytes(27))
    yield BadInput("top-of-nothing.ppm", b"P6 3 3 0\n" + bytes(27))
    yield BadInput("long-number.ppm", b"P6 " + b"9" * 100_000 + b" 3 255\n")
    yield BadInput("nan.tif", _float_tiff(np.full((8, 8), np.nan)), may_pass=True)
    yield BadInput("infinite.tif", _float_tiff(np.full((8, 8), np.inf)), may_pass=True)
    yield BadInput("large.bin", bytes(33 * 2**20))


def _float_tiff(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values.astype(np.float32)).save(file, "TIFF")
    return file.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
ENTITY = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "&%c;&%c;&%c;&%c;">' % (b, a, a, a, a) for a, b in zip(b"abcdefghijk", b"bcdefghijkl")
)


def no_pictures() -> Iterator[BadInput]:
    yield BadInput("script.svg", SVG)
    yield BadInput("marked.svg", b"\xef\xbb\xbf \n" + SVG)
    yield BadInput("called.png", SVG)
    yield BadInput("entity.svg", ENTITY + b"<svg>&x;</svg>")
    yield BadInput("laughs.svg", LAUGHS + b"]><svg>&l;</svg>")
    yield BadInput("packed.svgz", gzip.compress(SVG))
    for name, start in {
        "empty.png": b"", "text.jpg": b"hello, I am a picture", "page.png": b"<!DOCTYPE html><script>1</script>",
        "shell.png": b"#!/bin/sh\ntouch x\n", "script.py.jpg": b"import os",
        "elf.jpg": b"\x7fELF\x02\x01\x01" + bytes(50),
        "windows.png": b"MZ" + bytes(60), "paper.jpg": b"%PDF-1.7\n1 0 obj", "postscript.eps":
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) (w) file\n", "photoshop.psd":
        b"8BPS\x00\x01" + bytes(40), "icon.ico": b"\x00\x00\x01\x00\x01\x00\x10\x10" + bytes(30), "film.mp4":
        b"\x00\x00\x00\x18ftypisom" + bytes(40), "phone.heic": b"\x00\x00\x00\x18ftypheic" + bytes(40), "sound.wav":
        b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(24), "sky.fits": b"SIMPLE  =                    T" + bytes(60),
        "scan.dcm": bytes(128) + b"DICM" + bytes(40), "fax.pcx": b"\x0a\x05\x01\x08" + bytes(124), "letters.xbm":
        b"#define x_width 9999999\n#define x_height 9999999\nstatic char x_bits[] = {", "letters.xpm":
        b'/* XPM */ static char * x[] = {"9 9 2 1",', "drawing.wmf": b"\xd7\xcd\xc6\x9a" + bytes(60), "table.h5":
        b"\x89HDF\r\n\x1a\n" + bytes(60), "array.npy": b"\x93NUMPY\x01\x00" + bytes(60), "jpeg2000.jp2":
        b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60), "pickle.png": pickle.dumps({"a": 1}),
        "apple.icns": b"icns" + bytes(60),
    }.items():  # fmt: skip
        yield BadInput(name, start)
    draw = np.random.RandomState(1)
    magics = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*", b"P6 ",
              b"RIFF....WEBP", b"\x00\x00\x00\x18ftypavif", b"")  # fmt: skip
    for number, magic in enumerate(magics):
        yield BadInput(f"noise-{number}.png", magic + draw.bytes(400))
        yield BadInput(f"zeros-{number}.jpg", magic + bytes(400))


def polyglots() -> Iterator[BadInput]:
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("../../evil.py", "import os")
    for kind in ("PNG", "JPEG", "GIF"):
        name = kind.lower()
        yield BadInput(f"archive-behind.{name}", picture_file(kind) + hidden.getvalue(), may_pass=True)
        yield BadInput(
            f"script-behind.{name}", picture_file(kind) + b"<script>alert(1)</script><?php system('id');", may_pass=True
        )
        yield BadInput(f"really-{name}.txt", picture_file(kind), may_pass=True)
    yield BadInput("comment.gif", b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)")
    yield BadInput("paper-and-picture.pdf", b"%PDF-1.4\n" + picture_file("JPEG"))
    yield BadInput("<img src=x onerror=alert(1)>.png", b"no picture")
    yield BadInput("\u202egnp.exe", b"no picture")
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00" + b"\xff" * 8
    jpeg = picture_file("JPEG")
    marked = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    yield BadInput("broken-exif.jpg", marked, may_pass=True)
