"""Which picture is of which class and split, in every layout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_pictures import COLOURS, as_folder, as_zip, flat, picture, read, split

from resnet_demo import layout

FIXED_TEST = [0, 1, 5, 7, 13, 16, 18, 19, 29]


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
