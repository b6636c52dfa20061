"""Anybody's pictures as a data set: the pixels that come out, and what is kept of them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch
from made_pictures import as_folder, as_zip, flat, picture, read
from PIL import Image

from resnet_demo import datasets, folders
from resnet_demo.datasets import load_data
from resnet_demo.errors import ArchiveRefused
from resnet_demo.folders import read_pictures

ROOT = Path(__file__).parent.parent
CIFAR_ZIP = Path(os.environ.get("RESNET_DEMO_TEST_CIFAR_ZIP") or ROOT.parent / "shared" / "data" / "cifar10-jpeg.zip")

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
