"""Archives and folders that mean harm, are damaged or lack something: refused with a sentence, never unpacked."""

from __future__ import annotations

import os
import stat
import struct
import zipfile

import pytest
from made_pictures import COLOURS, as_folder, as_zip, flat, picture, read, refusal, split

from resnet_demo import folders, layout, listing
from resnet_demo.datasets import load_data
from resnet_demo.errors import ArchiveRefused, UnknownDataset


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
