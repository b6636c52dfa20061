"""Files that nobody should have to open: at least two hundred, made here, each small on disk whatever it claims to be.

Pictures, archives and checkpoints. `may_pass` marks those that a reader may just as well make sense of (a picture with
a script behind it is a picture); all others are to be refused in a sentence.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image, features
from safetensors.torch import save as pack_tensors

from resnet_demo.resnet import build_model

warnings.filterwarnings("ignore", message="Sparse invariant")
MARK = "RESNET_DEMO_TEST_MARK"  # the environment variable that names the file an executed payload would make
TENTHS = range(10)


@dataclass(frozen=True)
class BadInput:
    name: str
    data: bytes
    may_pass: bool = False


# Pictures


def pictures() -> Iterator[BadInput]:
    yield from _cut_pictures()
    yield from _lying_pictures()
    yield from _no_pictures()
    yield from _polyglots()


def _saved(kind: str, size: tuple[int, int] = (48, 40), **options) -> bytes:
    noise = np.random.RandomState(0).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind, **options)
    return file.getvalue()


def _cut_pictures() -> Iterator[BadInput]:
    kinds = ["PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM"]
    kinds += [kind for kind in ("WEBP", "AVIF") if features.check(kind.lower())]
    for kind in kinds:
        data = _saved(kind)
        for tenth in TENTHS:
            # Of a GIF or a progressive file the part that came is a picture to some readers.
            yield BadInput(f"cut-{tenth}.{kind.lower()}", data[: len(data) * tenth // 10], may_pass=kind == "GIF")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, pixels: bytes = b"", *extra: bytes, depth: int = 8, colour: int = 0) -> bytes:
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


def _lying_pictures() -> Iterator[BadInput]:
    rows = (b"\x00" + bytes(1500)) * 12000
    yield BadInput("bomb-144-megapixels.png", _png(12000, 12000, rows, depth=1))
    yield BadInput("bomb-51-megapixels.png", _png(7200, 7200, (b"\x00" + bytes(900)) * 7200, depth=1))
    for side in (30_000, 65_535, 2**31 - 1):
        yield BadInput(f"says-{side}.png", _png(side, side))
        yield BadInput(f"says-{side}.bmp", _bmp(side, side))
        yield BadInput(f"says-{side}.ppm", b"P6 %d %d 255\n" % (side, side))
        yield BadInput(f"says-{min(side, 65535)}-{side}.gif", _gif(min(side, 65535), min(side, 65535)))
        yield BadInput(f"says-{side}.tif", _tiff(
            (256, 4, 1, side), (257, 4, 1, side), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8),
            (277, 3, 1, 1), (278, 4, 1, side), (279, 4, 1, 10),
        ))  # fmt: skip
    jpeg = bytearray(_saved("JPEG"))
    start = jpeg.index(b"\xff\xc0")
    for name, height, width in (("huge", 65_500, 65_500), ("flat", 0, 40), ("thin", 40, 0)):
        jpeg[start + 5 : start + 9] = struct.pack(">HH", height, width)
        yield BadInput(f"{name}.jpg", bytes(jpeg))
    for width, height in ((0, 10), (10, 0), (0, 0)):
        yield BadInput(f"zero-{width}-{height}.png", _png(width, height))
        yield BadInput(f"zero-{width}-{height}.ppm", b"P6 %d %d 255\n" % (width, height))
        yield BadInput(f"zero-{width}-{height}.bmp", _bmp(width, height))
        yield BadInput(f"zero-{width}-{height}.gif", _gif(width, height), may_pass=True)
    good = bytearray(_saved("PNG"))
    good[60] ^= 0xFF
    yield BadInput("wrong-checksum.png", bytes(good))
    text = zlib.compress(bytes(200_000_000), 9)
    yield BadInput("text-bomb.png", _png(4, 4, bytes(20), _chunk(b"zTXt", b"a\x00\x00" + text)), may_pass=True)
    yield BadInput("profile-bomb.png", _png(4, 4, bytes(20), _chunk(b"iCCP", b"a\x00\x00" + text)), may_pass=True)
    yield BadInput("pixel-bomb.png", _png(4, 4, bytes(100_000_000)), may_pass=True)
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


def _no_pictures() -> Iterator[BadInput]:
    yield BadInput("script.svg", SVG)
    yield BadInput("marked.svg", b"\xef\xbb\xbf \n" + SVG)
    yield BadInput("called.png", SVG)
    yield BadInput("entity.svg", ENTITY + b"<svg>&x;</svg>")
    yield BadInput("laughs.svg", LAUGHS + b"]><svg>&l;</svg>")
    yield BadInput("packed.svgz", gzip.compress(SVG))
    for name, start in {
        "empty.png": b"", "text.jpg": b"hello, I am a picture", "page.png": b"<!DOCTYPE html><script>1</script>",
        "shell.png": b"#!/bin/sh\ntouch x\n", "script.py.jpg": b"import os", "elf.jpg": b"\x7fELF\x02\x01\x01" + bytes(50),
        "windows.png": b"MZ" + bytes(60), "paper.jpg": b"%PDF-1.7\n1 0 obj", "postscript.eps":
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) (w) file\n", "photoshop.psd":
        b"8BPS\x00\x01" + bytes(40), "icon.ico": b"\x00\x00\x01\x00\x01\x00\x10\x10" + bytes(30), "film.mp4":
        b"\x00\x00\x00\x18ftypisom" + bytes(40), "phone.heic": b"\x00\x00\x00\x18ftypheic" + bytes(40), "sound.wav":
        b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(24), "sky.fits": b"SIMPLE  =                    T" + bytes(60),
        "scan.dcm": bytes(128) + b"DICM" + bytes(40), "fax.pcx": b"\x0a\x05\x01\x08" + bytes(124), "letters.xbm":
        b"#define x_width 9999999\n#define x_height 9999999\nstatic char x_bits[] = {", "letters.xpm":
        b'/* XPM */ static char * x[] = {"9 9 2 1",', "drawing.wmf": b"\xd7\xcd\xc6\x9a" + bytes(60), "table.h5":
        b"\x89HDF\r\n\x1a\n" + bytes(60), "array.npy": b"\x93NUMPY\x01\x00" + bytes(60), "jpeg2000.jp2":
        b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(60), "pickle.png": pickle.dumps({"a": 1}), "apple.icns": b"icns" + bytes(60),
    }.items():  # fmt: skip
        yield BadInput(name, start)
    draw = np.random.RandomState(1)
    magics = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*", b"P6 ", b"RIFF....WEBP",
              b"\x00\x00\x00\x18ftypavif", b"")  # fmt: skip
    for number, magic in enumerate(magics):
        yield BadInput(f"noise-{number}.png", magic + draw.bytes(400))
        yield BadInput(f"zeros-{number}.jpg", magic + bytes(400))


def _polyglots() -> Iterator[BadInput]:
    hidden = io.BytesIO()
    with zipfile.ZipFile(hidden, "w") as archive:
        archive.writestr("../../evil.py", "import os")
    for kind in ("PNG", "JPEG", "GIF"):
        name = kind.lower()
        yield BadInput(f"archive-behind.{name}", _saved(kind) + hidden.getvalue(), may_pass=True)
        yield BadInput(
            f"script-behind.{name}", _saved(kind) + b"<script>alert(1)</script><?php system('id');", may_pass=True
        )
        yield BadInput(f"really-{name}.txt", _saved(kind), may_pass=True)
    yield BadInput("comment.gif", b"GIF89a/*" + bytes(20) + b"*/=1;alert(1)")
    yield BadInput("paper-and-picture.pdf", b"%PDF-1.4\n" + _saved("JPEG"))
    yield BadInput("<img src=x onerror=alert(1)>.png", b"no picture")
    yield BadInput("\u202egnp.exe", b"no picture")
    exif = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00" + b"\xff" * 8
    jpeg = _saved("JPEG")
    marked = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
    yield BadInput("broken-exif.jpg", marked, may_pass=True)


# Archives of pictures


def archives(*, large: bool = True) -> Iterator[BadInput]:
    """`large` adds those of 100,000 files and more, which take some seconds to make."""
    yield from _escaping()
    yield from _odd_archives()
    yield from _archive_bombs()
    if large:
        yield BadInput("100000-files.zip", _zip({f"{n % 2}/{n}.png": b"" for n in range(100_000)}))
        yield BadInput("200001-files.zip", _zip({f"{n % 2}/{n}.png": b"" for n in range(200_001)}))


@cache
def _pets() -> dict[str, bytes]:
    return {f"{name}/{n}.png": _saved("PNG", (9, 9)) for name in ("cats", "dogs") for n in range(3)}


def _zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def _escaping() -> Iterator[BadInput]:
    names = ("../evil.png", "cats/../../evil.png", "/evil.png", "C:/evil.png", "C:\\evil.png", "..\\evil.png",
             "\\\\server\\share\\evil.png", "cats\\..\\..\\evil.png", "//server/evil.png", "cats/..")  # fmt: skip
    for number, name in enumerate(names):
        yield BadInput(f"escapes-{number}.zip", _zip({**_pets(), name: _saved("PNG")}))
    for number, target in enumerate(("/etc/passwd", "../../secret.png", "/dev/zero", ".")):
        link = zipfile.ZipInfo("cats/link.png")
        link.external_attr = 0o120777 << 16
        file = io.BytesIO(_zip(_pets()))
        with zipfile.ZipFile(file, "a") as archive:
            archive.writestr(link, target)
        yield BadInput(f"link-{number}.zip", file.getvalue())


def _odd_archives() -> Iterator[BadInput]:
    good = _zip(_pets())
    for tenth in TENTHS:
        yield BadInput(f"cut-{tenth}.zip", good[: len(good) * tenth // 10])
    yield BadInput("no-files.zip", _zip({}))
    yield BadInput("no-pictures.zip", _zip({"cats/a.txt": b"a", "dogs/b.txt": b"b"}))
    yield BadInput("one-class.zip", _zip({"cats/1.png": _saved("PNG"), "cats/2.png": _saved("PNG")}))
    yield BadInput("empty-folder.zip", _zip({**_pets(), "eels/": b""}))
    yield BadInput("nothing-to-read.zip", _zip({name: b"no picture" for name in _pets()}))
    yield BadInput("no-train.zip", _zip({"train/cats/1.png": _saved("PNG"), "test/dogs/1.png": _saved("PNG")}))
    yield BadInput("zip-in-zip.zip", _zip({"cats/a.zip": good, "dogs/b.zip": good}))
    yield BadInput("lzma.zip", _zip(_pets(), zipfile.ZIP_LZMA))
    yield BadInput("bzip2.zip", _zip(_pets(), zipfile.ZIP_BZIP2))
    yield BadInput("locked.zip", _with_flag(good, 1))
    yield BadInput("not-a-zip.zip", b"hello")
    yield BadInput("rar.zip", b"Rar!\x1a\x07\x00" + bytes(60))
    yield BadInput("seven.zip", b"7z\xbc\xaf\x27\x1c" + bytes(60))
    yield BadInput("gzip.zip", gzip.compress(good))
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../evil.png"))
    yield BadInput("tar.zip", tar.getvalue())
    yield BadInput("deep.zip", _zip({"/".join(["a"] * 2000) + "/x.png": b"", "b/y.png": b""}))
    yield BadInput("long-name.zip", _zip({"c" * 60_000 + "/x.png": b"", "d/y.png": b""}))
    yield BadInput("many-classes.zip", _zip({f"{n}/{i}.png": b"" for n in range(1500) for i in range(2)}))
    end = good.rindex(b"PK\x05\x06")
    for number, (at, value) in enumerate(
        ((8, b"\xff\xff\xff\xff"), (12, b"\xff\xff\xff\x7f"), (16, b"\xff\xff\xff\x7f"))
    ):
        lying = bytearray(good)
        lying[end + at : end + at + 4] = value
        # The number of entries alone is believed by nobody.
        yield BadInput(f"lying-end-{number}.zip", bytes(lying), may_pass=number == 0)
    scripted = {f"<script>alert(1)</script>{name}": data for name, data in _pets().items()}
    yield BadInput("scripted-names.zip", _zip(scripted), may_pass=True)
    yield BadInput("picture-bomb.zip", _zip({**_pets(), "cats/bomb.png": _png(30000, 30000)}), may_pass=True)


def _with_flag(data: bytes, flag: int) -> bytes:
    marked = bytearray(data)
    for magic, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = marked.find(magic)
        while start >= 0:
            marked[start + at] |= flag
            start = marked.find(magic, start + 4)
    return bytes(marked)


def _archive_bombs() -> Iterator[BadInput]:
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
    entry = bytearray(_zip({"cats/1.png": bytes(2**20)}))
    start, end = entry.index(b"PK\x01\x02"), entry.index(b"PK\x05\x06")
    record, count = bytes(entry[start:end]), 3000  # one packed member that three thousand names share
    records = b"".join(record.replace(b"cats/1.png", b"%04d/1.png" % n) for n in range(count))
    closing = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(records), start, 0)
    yield BadInput("bomb-of-overlaps.zip", bytes(entry[:start]) + records + closing)


# Checkpoints


class Evil:
    """Unpickled, it makes the file that MARK names; its own state does the rest if a reader is so kind."""

    def __init__(self, how: str) -> None:
        self.how = how

    def __reduce__(self):
        touch = f"import os; open(os.environ[{MARK!r}], 'w')"
        if self.how == "system":
            import os

            return os.system, (f'touch "${MARK}"',)
        return (eval, (f"exec({touch!r})",)) if self.how == "eval" else (exec, (touch,))


def checkpoints() -> Iterator[BadInput]:
    yield from _cut_checkpoints()
    yield from _lying_headers()
    yield from _lying_cards()
    yield from _pickles()
    yield from _odd_tensors()


def weights() -> dict[str, torch.Tensor]:
    return build_model("resnet9-slim", num_classes=10, in_channels=1, seed=0).state_dict()


def card() -> dict[str, object]:
    from dataclasses import asdict

    spec = asdict(build_model("resnet9-slim", num_classes=10, in_channels=1, seed=0).spec)
    return {"name": "bad", "model": "resnet9-slim", "spec": spec, "classes": [str(n) for n in range(10)],
            "shape": [1, 28, 28], "dataset": "fashion-mnist-small", "resize": None}  # fmt: skip


def carded(values: object | None = None, **tensors: torch.Tensor) -> bytes:
    whole = {**weights(), "preprocess.mean": torch.zeros(1, 1, 1), "preprocess.std": torch.ones(1, 1, 1), **tensors}
    return pack_tensors(whole, {"card": json.dumps(card() if values is None else values)})


def saved(value: object, **options) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


def _cut_checkpoints() -> Iterator[BadInput]:
    bare = pack_tensors(weights())
    for suffix, data in (("card.safetensors", carded()), ("safetensors", bare), ("pth", saved(weights()))):
        for tenth in TENTHS:
            yield BadInput(f"cut-{tenth}.{suffix}", data[: len(data) * tenth // 10])


def _lying_headers() -> Iterator[BadInput]:
    def header(text: bytes, tail: bytes = b"", length: int | None = None) -> bytes:
        return struct.pack("<Q", len(text) if length is None else length) + text + tail

    one = b'{"a":{"dtype":"F32","shape":%s,"data_offsets":[%d,%d]}}'
    for name, data in {
        "long-header": header(b"{}", length=2**63), "all-ones": b"\xff" * 64, "short": b"\x01", "no-header": header(b""),
        "negative": header(b"{}", length=2**64 - 1), "no-json": header(b"{this is no json"), "list": header(b"[]"),
        "deep": header(b'{"a":' * 5000 + b"1" + b"}" * 5000), "empty": header(b"{}"),
        "beyond": header(one % (b"[4]", 0, 16), b"1234"), "backwards": header(one % (b"[4]", 16, 0), bytes(16)),
        "huge": header(one % (b"[1000000,1000000]", 0, 4_000_000_000_000)), "overflow":
        header(one % (b"[4294967296,4294967296]", 0, 0)), "minus": header(one % (b"[-4]", 0, 16), bytes(16)),
        "mismatch": header(one % (b"[5]", 0, 16), bytes(16)), "dtype":
        header(b'{"a":{"dtype":"Q7","shape":[1],"data_offsets":[0,4]}}', bytes(4)), "metadata":
        header(b'{"__metadata__":{"card":7}}'), "metadata-list": header(b'{"__metadata__":[]}'),
        "card-no-json": header(b'{"__metadata__":{"card":"{"}}'), "card-a-list": header(b'{"__metadata__":{"card":"[]"}}'),
        "card-a-number": header(b'{"__metadata__":{"card":"7"}}'), "not-text": header(b"\xff\xfe{}"),
        "nul": header(b'{"\x00":{}}'), "picture": _saved("PNG"), "archive": _zip(_pets()), "words": b"hello" * 30,
    }.items():  # fmt: skip
        yield BadInput(f"{name}.safetensors", data)


def _lying_cards() -> Iterator[BadInput]:
    good = card()
    spec: dict = good["spec"]  # type: ignore[assignment]
    changes = {
        "no-spec": {"spec": None}, "spec-text": {"spec": "resnet20"}, "spec-empty": {"spec": {}},
        "classes-number": {"classes": 10}, "classes-few": {"classes": ["a"]}, "classes-objects": {"classes": [{}] * 10},
        "classes-twice": {"classes": ["a"] * 10}, "classes-text": {"classes": "0123456789"}, "shape-huge": {"shape": [1, 10**9, 10**9]}, "shape-large": {"shape": [1, 4096, 4096]},
        "shape-text": {"shape": "1,28,28"}, "shape-short": {"shape": [1]}, "shape-minus": {"shape": [1, -28, -28]},
        "shape-thin": {"shape": [1, 28, 1]}, "shape-channels": {"shape": [3, 28, 28]}, "model-number": {"model": 7},
        "resize-huge": {"resize": 10**6}, "resize-minus": {"resize": -3}, "resize-text": {"resize": "64"},
        "resize-float": {"resize": 28.5}, "dataset-list": {"dataset": [1]}, "name-list": {"name": [1]},
        "test-text": {"test": "good"},
    }  # fmt: skip
    for name, change in changes.items():
        yield BadInput(f"card-{name}.safetensors", carded({**good, **change}))
    for name, change in {
        "wide": {"widths": [10**9] * 3}, "deep": {"blocks_per_stage": [10**9] * 3}, "classes": {"num_classes": 10**12},
        "minus": {"widths": [-1, 2, 3]}, "odd": {"unknown": 1}, "other": {"widths": [32, 64, 256]},
        "channels": {"input": [10**9, 32, 32]}, "text": {"widths": "abc"}, "infinite": {"blocks_per_stage": [1e400, 1, 1]},
        "stem": {"stem": {**spec["stem"], "kernel": 10**9}}, "no-stem": {"stem": None}, "pool": {"head_pool": "rm -rf"},
        "scale": {"logit_scale": "x"},
    }.items():  # fmt: skip
        yield BadInput(f"spec-{name}.safetensors", carded({**good, "spec": {**spec, **change}}))
    yield BadInput("no-card-keys.safetensors", carded({}))
    yield BadInput("mean-wide.safetensors", carded(**{"preprocess.mean": torch.zeros(1, 5, 5)}))
    yield BadInput("mean-flat.safetensors", carded(**{"preprocess.mean": torch.zeros(7)}))
    yield BadInput("mean-nan.safetensors", carded(**{"preprocess.mean": torch.full((1, 1, 1), torch.nan)}))
    yield BadInput("std-zero.safetensors", carded(**{"preprocess.std": torch.zeros(1, 1, 1)}))
    yield BadInput(
        "std-whole.safetensors", carded(**{"preprocess.std": torch.ones(1, 1, 1, dtype=torch.int64)}), may_pass=True
    )


def _pickles() -> Iterator[BadInput]:
    for how in ("system", "eval", "exec"):
        yield BadInput(f"{how}.pth", saved({"fc.weight": torch.zeros(2), "x": Evil(how)}))
        yield BadInput(f"{how}-old.pth", saved(Evil(how), _use_new_zipfile_serialization=False))
        for protocol in (0, 2, 5):
            yield BadInput(f"{how}-{protocol}.pkl", pickle.dumps(Evil(how), protocol=protocol))
        yield BadInput(f"{how}.safetensors", pickle.dumps(Evil(how)))
    yield BadInput("module.pth", saved(build_model("resnet9-slim", seed=0)))
    yield BadInput("module-old.pth", saved(torch.nn.Linear(2, 2), _use_new_zipfile_serialization=False))
    yield BadInput("list.pth", saved([1, 2, 3]))
    yield BadInput("number.pth", saved(7))
    yield BadInput("nothing.pth", saved(None))
    yield BadInput(
        "nested.pth", saved({"state_dict": {"state_dict": {"state_dict": {"state_dict": weights()}}}}), may_pass=True
    )
    yield BadInput("stack.pkl", b"(" * 100_000 + b".")
    yield BadInput("memo.pkl", b"\x80\x02]q\x00(" + b"h\x00" * 50_000 + b"e.")
    yield BadInput("long.pkl", b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f")


def _odd_tensors() -> Iterator[BadInput]:
    good = weights()
    for name, value in (("nan", torch.nan), ("infinite", torch.inf)):
        spoiled = {**good, "fc.weight": torch.full_like(good["fc.weight"], value)}
        yield BadInput(f"{name}.pth", saved(spoiled))
        yield BadInput(f"{name}.card.safetensors", carded(**{"fc.weight": spoiled["fc.weight"]}))
    small = torch.zeros(1)
    for name, tensor in {
        "stretched": small.expand(10**6, 10**6), "stretched-more": small.expand(2**20, 2**20, 2**20 >> 4),
        "sparse": torch.sparse_coo_tensor(torch.zeros(2, 1, dtype=torch.long), torch.ones(1), (10**9, 10**9)),
        "complex": torch.zeros(2, 2, dtype=torch.complex64), "whole": torch.zeros(16, 1, 3, 3, dtype=torch.int64),
        "empty": torch.zeros(0, 0), "scalar": torch.tensor(1.0), "nowhere": torch.zeros(10**6, 10**6, device="meta"),
        "true": torch.ones(4, dtype=torch.bool), "wide": torch.zeros(1, 10**6),
    }.items():  # fmt: skip
        yield BadInput(f"{name}.pth", saved({**good, "conv1.weight": tensor}))
        yield BadInput(f"{name}-alone.pth", saved({"fc.weight": tensor}))
    yield BadInput("packed-bomb.pth", _packed_bomb())
    yield BadInput("names.pth", saved({f"{'a.' * 500}{n}": torch.zeros(1) for n in range(2000)}))
    yield BadInput("convolutions.pth", saved({f"c{n}.weight": torch.zeros(1, 1, 1, 1) for n in range(3000)}))


def _packed_bomb() -> bytes:
    """A state dict of 1.2 GB of zeros, packed to 1.2 MB: torch itself never packs."""
    plain = io.BytesIO(saved({"fc.weight": torch.zeros(4)}))
    file = io.BytesIO()
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for member in source.infolist():
            with target.open(member.filename, "w") as packed:
                if "/data/" in member.filename:
                    for _ in range(1200):
                        packed.write(bytes(2**20))
                else:
                    packed.write(source.read(member))
    return file.getvalue()
