"""Anybody's pictures as a data set: the layouts, the limits, and the archives that mean harm."""

from __future__ import annotations

import io
import os
import stat
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from resnet_demo import datasets, folders, layout, listing
from resnet_demo.datasets import load_data
from resnet_demo.errors import ArchiveRefused, UnknownDataset
from resnet_demo.folders import read_pictures

ROOT = Path(__file__).parent.parent
CIFAR_ZIP = Path(os.environ.get("RESNET_DEMO_TEST_CIFAR_ZIP") or ROOT.parent / "shared" / "data" / "cifar10-jpeg.zip")
FIXED_TEST = [0, 1, 5, 7, 13, 16, 18, 19, 29]
COLOURS = {"cats": (200, 30, 30), "dogs": (30, 200, 30), "eels": (30, 30, 200)}


def picture(colour=(200, 30, 30), size=(40, 32), kind="PNG") -> bytes:
    file = io.BytesIO()
    Image.new("L" if isinstance(colour, int) else "RGB", size, colour).save(file, kind)
    return file.getvalue()


def flat(count: int = 10) -> dict[str, bytes]:
    return {f"{name}/{n:03}.png": picture(colour) for name, colour in COLOURS.items() for n in range(count)}


def split(train: int = 4, test: int = 2) -> dict[str, bytes]:
    return {
        f"{part}/{name}/{n}.png": picture(colour)
        for part, count in (("train", train), ("test", test))
        for name, colour in COLOURS.items()
        for n in range(count)
    }


def as_folder(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def as_zip(files: dict[str, bytes], path: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def read(path: Path, side: int = 32, cache: Path | None = None):
    return read_pictures(path, side, lambda what, share: None, cache)


def refusal(path: Path) -> str:
    with pytest.raises(ArchiveRefused) as caught:
        read(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path.name} cannot be used as a data set: ") and "\n" not in sentence
    return sentence


# Layouts


def test_train_and_test_are_kept_and_classes_sorted(tmp_path):
    data = read(as_zip(split(), tmp_path / "pets.zip"))
    assert (len(data.train), len(data.test), data.shape) == (12, 6, (3, 32, 32))
    assert data.classes == ("cats", "dogs", "eels") and (data.name, data.title) == ("my pictures", "pets")
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.train.images.dtype == torch.uint8 and data.train.labels.dtype == torch.int64
    for image, label in zip(data.train.images, data.train.labels.tolist()):
        assert tuple(image[:, 3, 3].tolist()) == list(COLOURS.values())[label]
    assert data.notes == ()


def test_folder_and_zip_are_the_same_data(tmp_path):
    files = flat(20)
    one, other = read(as_folder(files, tmp_path / "a")), read(as_zip(files, tmp_path / "b.zip"))
    wrapped = read(
        as_zip({f"my photos/of pets/{name}": content for name, content in files.items()}, tmp_path / "c.zip")
    )
    for data in (other, wrapped):
        assert torch.equal(one.train.images, data.train.images) and torch.equal(one.test.labels, data.test.labels)
        assert data.classes == one.classes


def test_a_fifth_is_test_and_it_is_the_same_fifth_everywhere(tmp_path):
    data = read(as_zip(flat(100), tmp_path / "pets.zip"))
    for label in range(3):
        assert 8 <= int((data.test.labels == label).sum()) <= 35
    assert len(data.train) + len(data.test) == 300
    assert layout.is_test("cats/3.png") is False  # fixed once and for all: an evaluation relies on it
    assert [n for n in range(30) if layout.is_test(f"cats/{n}.png")] == FIXED_TEST


@given(st.lists(st.text(max_size=40), min_size=1, max_size=50))
def test_the_cut_depends_on_the_path_alone(paths):
    assert [layout.is_test(path) for path in paths] == [layout.is_test(path) for path in paths]
    assert all(0 <= layout.path_share(path) < 1 for path in paths)


def test_the_cut_takes_about_a_fifth():
    assert 0.19 < np.mean([layout.is_test(f"class/{n}.jpg") for n in range(20_000)]) < 0.21


@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_small_classes_have_something_on_both_sides(tmp_path, count):
    data = read(as_folder(flat(count), tmp_path / "pets"))
    assert data.train.labels.unique().tolist() == data.test.labels.unique().tolist() == [0, 1, 2]


@pytest.mark.parametrize("names", [("Train", "Test"), ("train", "val"), ("training", "validation")])
def test_other_names_of_the_splits(tmp_path, names):
    files = {name.replace("train", names[0], 1) if name.startswith("train") else name: c for name, c in split().items()}
    files = {name.replace("test", names[1], 1) if name.startswith("test") else name: c for name, c in files.items()}
    assert len(read(as_folder(files, tmp_path / "pets")).test) == 6


def test_what_is_no_picture_or_hidden_is_not_counted(tmp_path):
    extra = {
        "__MACOSX/cats/._001.png": b"x", "cats/.DS_Store": b"x", ".git/cats/a.png": picture(), "cats/notes.txt": b"x",
        "readme.md": b"x", "cats/Thumbs.db": b"x", "cats/deep/er/1.PNG": picture(), "./dogs/./dot.png": picture(),
    }  # fmt: skip
    for path in (as_zip({**flat(), **extra}, tmp_path / "a.zip"), as_folder({**flat(), **extra}, tmp_path / "a")):
        data = read(path)
        assert (len(data.train) + len(data.test), data.classes, data.notes) == (32, tuple(COLOURS), ())


def test_names_in_any_writing(tmp_path):
    files = {f"{name}/{n}.png": picture() for name in ("cafe\u0301", "猫", "a b&<i>") for n in range(4)}
    assert read(as_zip(files, tmp_path / "a.zip")).classes == ("a b&<i>", "caf\u00e9", "猫")


# Pixels


def test_short_side_and_centre(tmp_path):
    wide = Image.new("RGB", (200, 50), (255, 255, 255))
    wide.paste((0, 0, 0), (75, 0, 125, 50))
    file = io.BytesIO()
    wide.save(file, "PNG")
    data = read(
        as_zip(
            {**flat(4), "cats/wide.png": file.getvalue(), "cats/tiny.png": picture((9, 9, 9), (1, 3))},
            tmp_path / "a.zip",
        )
    )
    everything = torch.cat([data.train.images, data.test.images])
    assert (everything[:, :, 4:28, 4:28].amax((1, 2, 3)) == 0).sum() == 1


@pytest.mark.parametrize("side", [8, 32, 96])
def test_side_is_free(tmp_path, side):
    assert read(as_zip(flat(4), tmp_path / "a.zip"), side).shape == (3, side, side)


@pytest.mark.parametrize("side", [0, 7, 513, -1])
def test_side_has_limits(tmp_path, side):
    with pytest.raises(ArchiveRefused, match="only 8 to 512"):
        read(as_zip(flat(4), tmp_path / "a.zip"), side)


def test_all_grey_is_one_channel_and_one_colour_makes_three(tmp_path):
    files = {f"{name}/{n}.png": picture(10 * n) for name in ("a", "b") for n in range(6)}
    files["a/rgb.png"] = picture((7, 7, 7))
    assert read(as_zip(files, tmp_path / "grey.zip")).shape == (1, 32, 32)
    files["b/red.png"] = picture((255, 0, 0))
    assert read(as_zip(files, tmp_path / "red.zip")).shape == (3, 32, 32)


def test_pictures_that_cannot_be_read_are_counted(tmp_path):
    files = {**flat(), "cats/cut.jpg": picture(kind="JPEG")[:200], "dogs/text.jpg": b"hello", "dogs/empty.png": b""}
    data = read(as_zip(files, tmp_path / "a.zip"))
    assert len(data.train) + len(data.test) == 30
    (note,) = data.notes
    assert note.startswith("3 of 33 pictures were left out. The first: ")


def test_a_damaged_member_is_one_picture_less(tmp_path):
    path = as_zip({**flat(), "cats/x.bmp": picture(kind="BMP")}, tmp_path / "a.zip", zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"BM", content.index(b"cats/x.bmp")) + 60] ^= 0xFF
    path.write_bytes(content)
    data = read(path)
    assert len(data.train) + len(data.test) == 30 and "cats/x.bmp cannot be used: it is damaged" in data.notes[0]


# Refusals


def test_what_is_missing_is_said(tmp_path):
    def why(files, name):
        return refusal(as_zip(files, tmp_path / f"{name}.zip"))

    assert "no pictures in it" in why({"readme.txt": b"x"}, "text")
    assert "no pictures in it" in why({}, "empty")
    assert "fewer than two classes" in why({f"cats/{n}.png": picture() for n in range(5)}, "one")
    assert "fewer than two classes" in why({f"{n}.png": picture() for n in range(5)}, "loose")
    assert "“birds” has no pictures" in why({**flat(), "birds/": b""}, "bare")
    assert "“birds” has one picture only" in why({**flat(), "birds/1.png": picture()}, "single")
    assert "“birds” has no pictures to test with" in why({**split(), "train/birds/1.png": picture()}, "half")
    assert "“birds” has no pictures to train with" in why({**split(), "test/birds/1.png": picture()}, "other half")
    unreadable = {**split(), "train/birds/1.png": b"x", "test/birds/1.png": picture()}
    assert "no picture of the class “birds” to train with can be read" in why(unreadable, "unreadable")


def test_a_folder_without_pictures_is_refused_too(tmp_path):
    (as_folder(flat(), tmp_path / "pets") / "birds").mkdir()
    assert "“birds” has no pictures" in refusal(tmp_path / "pets")


def test_what_is_neither_folder_nor_zip(tmp_path):
    whole = as_zip(flat(), tmp_path / "whole.zip").read_bytes()
    for name, content in {"a.zip": b"PK\x03\x04 not really", "a.tar": b"x", "b.zip": b"", "c.zip": whole[:-30]}.items():
        (tmp_path / name).write_bytes(content)
        assert "neither a folder nor a .zip" in refusal(tmp_path / name)
    with pytest.raises(ArchiveRefused, match="no such file or folder"):
        load_data(tmp_path / "absent.zip")
    with pytest.raises(UnknownDataset, match="cifar11"):
        load_data("cifar11")


@pytest.mark.parametrize(
    "name", ["../x.png", "/etc/x.png", "cats/../../x.png", "..\\x.png", "C:\\x.png", "\\\\host\\x.png"]
)
def test_names_that_point_outside(tmp_path, name):
    path = as_zip(flat(), tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as archive:
        member = zipfile.ZipInfo()
        member.filename = name
        archive.writestr(member, picture())
    assert "points outside of it" in refusal(path)


def test_links_encryption_and_rare_compression(tmp_path):
    link = zipfile.ZipInfo("cats/link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    path = as_zip(flat(), tmp_path / "link.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    assert "is a link" in refusal(path)

    assert "unusual way" in refusal(as_zip(flat(), tmp_path / "lzma.zip", zipfile.ZIP_LZMA))

    path = as_zip(flat(), tmp_path / "secret.zip")
    content = bytearray(path.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + 8] |= 1
    path.write_bytes(content)
    assert "encrypted" in refusal(path)


def test_bombs(tmp_path, monkeypatch):
    path = as_zip({**flat(), "cats/zeros.bmp": bytes(150_000_000)}, tmp_path / "bomb.zip")
    assert path.stat().st_size < 1_000_000
    assert "unpack to far more than its size" in refusal(path)

    monkeypatch.setattr(listing, "MOST_FILES", 20)
    assert "more than 20 files" in refusal(as_zip(flat(), tmp_path / "many.zip"))
    assert "more than 20 files" in refusal(as_folder(flat(), tmp_path / "many"))
    monkeypatch.setattr(listing, "MOST_FILES", 1000)
    monkeypatch.setattr(listing, "MOST_BYTES", 1000)
    assert "GB" in refusal(as_zip(flat(), tmp_path / "large.zip"))
    assert "GB" in refusal(tmp_path / "many")


def test_a_member_that_lies_about_its_size_costs_one_picture(tmp_path):
    path = as_zip({**flat(), "cats/zz.png": bytes(3_000_000)}, tmp_path / "liar.zip")
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 24 : at + 28] = struct.pack("<I", 100)
    path.write_bytes(content)
    data = read(path)
    assert len(data.train) + len(data.test) == 30 and "zz.png" in data.notes[0]


def test_a_picture_of_too_many_pixels_is_left_out(tmp_path):
    huge = picture(0, (9000, 6000))
    data = read(as_zip({**flat(), "cats/huge.png": huge}, tmp_path / "a.zip"))
    assert "megapixels" in data.notes[0]


def test_a_zip_in_a_zip_is_not_opened(tmp_path):
    inner = as_zip(flat(), tmp_path / "inner.zip").read_bytes()
    data = read(as_zip({**flat(), "cats/inner.zip": inner}, tmp_path / "outer.zip"))
    assert len(data.train) + len(data.test) == 30


def test_too_large_for_memory_is_refused_before_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_TENSOR_BYTES", 1000)
    assert "do not fit into memory" in refusal(as_zip(flat(), tmp_path / "a.zip"))


def test_too_many_classes(tmp_path, monkeypatch):
    monkeypatch.setattr(layout, "MOST_CLASSES", 2)
    assert "has 3 classes, more than 2" in refusal(as_zip(flat(), tmp_path / "a.zip"))


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need special rights here")
def test_links_in_a_folder_are_not_followed(tmp_path):
    outside = as_folder({"secret/1.png": picture((1, 2, 3))}, tmp_path / "outside")
    pets = as_folder(flat(), tmp_path / "pets")
    (pets / "cats" / "link.png").symlink_to(outside / "secret" / "1.png")
    (pets / "secrets").symlink_to(outside / "secret")
    (pets / "cats" / "loop").symlink_to(pets)
    data = read(pets)
    assert data.classes == tuple(COLOURS) and len(data.train) + len(data.test) == 30
    assert data.notes == ("3 links were not followed.",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_in_a_folder_does_not_hang(tmp_path):
    pets = as_folder(flat(), tmp_path / "pets")
    os.mkfifo(pets / "cats" / "pipe.png")
    assert len(read(pets).train) > 0


# What is kept


def test_nothing_is_written_unless_asked(tmp_path, monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(folders, "WORTH_KEEPING", 1)
    path = as_zip(flat(), tmp_path / "pets.zip")
    load_data(path, keep=False)
    assert not (tmp_path / "home").exists() and [item.name for item in tmp_path.iterdir()] == ["pets.zip"]


@pytest.mark.parametrize("make", [as_zip, as_folder])
def test_the_second_reading_comes_from_home_and_a_change_is_seen(tmp_path, monkeypatch, make):
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(folders, "WORTH_KEEPING", 1)
    monkeypatch.setattr(datasets, "_memory", type(datasets._memory)())
    path = make({**flat(), "cats/bad.png": b"x"}, tmp_path / "pets.zip")
    first = load_data(path)
    assert load_data(str(path)) is first
    assert load_data(path, side=16).shape == (3, 16, 16)

    datasets._memory.clear()
    monkeypatch.setattr(folders, "_decode", None)
    again = load_data(path)
    assert torch.equal(first.train.images, again.train.images) and torch.equal(first.test.labels, again.test.labels)
    assert (again.classes, again.notes, again.title) == (first.classes, first.notes, first.title)
    monkeypatch.undo()

    cache = folders.cache_dir(tmp_path / "home")
    changed = flat(12)
    if make is as_zip:
        as_zip(changed, path)
    else:
        as_folder(changed, path)
    assert len(read(path, cache=cache).train) > len(first.train)


def test_a_damaged_copy_is_read_again_and_old_copies_go(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "WORTH_KEEPING", 1)
    cache = tmp_path / "imported"
    path = as_zip(flat(), tmp_path / "pets.zip")
    first = read(path, cache=cache)
    (kept,) = cache.iterdir()
    for content in (kept.read_bytes()[:-10], b"", b"\xff" * 100):
        kept.write_bytes(content)
        assert torch.equal(read(path, cache=cache).train.images, first.train.images)
    os.utime(kept, (time.time() - 1000,) * 2)
    for number in range(6):
        read(as_zip(flat(4), tmp_path / f"{number}.zip"), cache=cache)
    assert len(list(cache.iterdir())) == folders.KEPT_ON_DISK and not kept.exists()


def test_progress_rises_to_one(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "CHUNK", 4)
    seen = []
    read_pictures(as_zip(flat(), tmp_path / "a.zip"), 32, lambda what, share: seen.append((what, share)))
    shares = [share for _, share in seen if share is not None]
    assert shares == sorted(shares) and shares[-1] == 1.0 and "30 pictures" in seen[-1][0]


# A copy of CIFAR-10 as JPEG files, if there is one


@pytest.mark.slow
@pytest.mark.skipif(
    not CIFAR_ZIP.is_file(), reason="no copy of CIFAR-10 as JPEG files; RESNET_DEMO_TEST_CIFAR_ZIP names one"
)
def test_cifar10_as_jpeg_files_is_read_in_under_two_minutes(tmp_path):
    code = f"""
import time; from resnet_demo.datasets import load_data; from pathlib import Path
started = time.monotonic()
data = load_data({str(CIFAR_ZIP)!r}, root=Path({str(tmp_path)!r}))
print(time.monotonic() - started, len(data.train), len(data.test), data.shape, len(data.classes), data.title)
assert data.train.labels.bincount().tolist() == [5000] * 10 and data.test.labels.bincount().tolist() == [1000] * 10
assert data.notes == ()
"""
    done = [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
            " ", 1
        )
        for _ in range(2)
    ]
    assert all(rest.strip() == "50000 10000 (3, 32, 32) 10 CIFAR-10 (JPEG)" for _, rest in done)
    assert float(done[0][0]) < 120 and float(done[1][0]) < 10
