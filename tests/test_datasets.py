"""The named data sets as they are, what they say of themselves, and what stays in memory."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_demo import datasets, sources
from resnet_demo.datasets import DATASETS, load_data, load_dataset
from resnet_demo.errors import DataUnavailable, DownloadFailed
from tests.tiny_runs import make_pictures

PACKAGED = sources.ORIGINS["fashion-mnist"].packaged
needs_package = pytest.mark.skipif(
    not PACKAGED.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Nothing in memory, nothing at home, nothing in the working folder, nobody to ask."""
    monkeypatch.setattr(datasets, "_memory", type(datasets._memory)())
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RESNET_DEMO_OFFLINE", "1")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


# The real ones


@needs_package
def test_fashion_mnist_is_whole():
    data = load_dataset("fashion-mnist")
    assert (len(data.train), len(data.test), data.shape) == (60_000, 10_000, (1, 28, 28))
    assert data.train.images.dtype == torch.uint8 and data.train.labels.dtype == torch.int64
    assert (
        data.train.labels.bincount().tolist() == [6_000] * 10 and data.test.labels.bincount().tolist() == [1_000] * 10
    )
    assert data.classes[:2] == ("T-shirt/top", "Trouser") and data.classes[9] == "Ankle boot"
    assert data.train.labels[:5].tolist() == [9, 0, 0, 3, 0]  # as its authors print them
    assert 0.285 < data.train.images.float().mean() / 255 < 0.287


@needs_package
def test_small_set_is_a_part_of_the_whole_and_can_be_drawn_again():
    sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))
    try:
        from make_small_dataset import small_arrays
    finally:
        sys.path.pop(0)
    small = load_dataset("fashion-mnist-small")
    for key, array in small_arrays().items():
        split, part = key.split("_")
        shipped = getattr(getattr(small, split), part).numpy()
        assert np.array_equal(shipped[:, 0] if part == "images" else shipped, array)


def test_small_set_ships():
    started = time.monotonic()
    small = load_dataset("fashion-mnist-small")
    assert time.monotonic() - started < 2.5  # 0.1 s where nothing else runs
    assert (len(small.train), len(small.test), small.shape) == (12_000, 2_000, (1, 28, 28))
    assert (
        small.train.labels.bincount().tolist() == [1_200] * 10 and small.test.labels.bincount().tolist() == [200] * 10
    )
    assert sources.SMALL.stat().st_size < 7_000_000
    assert "MIT" in sources.SMALL.with_name("fashion-mnist-small.LICENSE.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", DATASETS)
def test_specs_agree_with_torchvision(name):
    from torchvision.datasets import CIFAR10, MNIST, FashionMNIST

    spec = DATASETS[name]
    kind = {"fashion-mnist": FashionMNIST, "fashion-mnist-small": FashionMNIST, "mnist": MNIST, "cifar10": CIFAR10}[
        name
    ]
    assert spec.name == name and len(spec.classes) == 10
    if kind is FashionMNIST:
        assert list(spec.classes) == kind.classes
    if name == "fashion-mnist-small":
        return
    origin = sources.ORIGINS[name]
    if kind is CIFAR10:
        assert origin.files[0][:2] == (kind.filename, kind.tgz_md5) and origin.url + kind.filename == kind.url
        assert set(origin.holds) == {n for n, _ in kind.train_list + kind.test_list} | {kind.meta["filename"]}
        assert origin.folder == kind.base_folder
    else:
        assert [file[:2] for file in origin.files] == kind.resources and origin.url in kind.mirrors
        assert origin.folder == f"{kind.__name__}/raw"


# Memory


def test_the_last_two_stay_in_memory(monkeypatch):
    loads = []

    def load(spec, root, progress):
        loads.append(spec.name)
        return object()

    monkeypatch.setattr(datasets, "_load", load)
    first = load_dataset("mnist")
    assert load_dataset("mnist") is first and load_data("mnist") is first
    load_dataset("cifar10")
    load_dataset("fashion-mnist")
    load_dataset("cifar10")
    assert loads == ["mnist", "cifar10", "fashion-mnist"]
    assert load_dataset("mnist") is not first


def test_threads_that_want_the_same_load_it_once_and_others_do_not_wait(monkeypatch):
    loads, go_on = [], threading.Event()

    def load(spec, root, progress):
        loads.append(spec.name)
        if spec.name == "mnist":
            go_on.wait(10)
        return object()

    monkeypatch.setattr(datasets, "_load", load)
    threads = [threading.Thread(target=load_dataset, args=("mnist",)) for _ in range(5)]
    for thread in threads:
        thread.start()
    load_dataset("cifar10")  # would hang if it had to wait for mnist
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert sorted(loads) == ["cifar10", "mnist"]


def test_a_failed_load_is_tried_again(monkeypatch):
    outcomes = [DownloadFailed(what="MNIST", why="x", instead="y"), object()]

    def load(spec, root, progress):
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(datasets, "_load", load)
    with pytest.raises(DownloadFailed):
        load_dataset("mnist")
    assert load_dataset("mnist") is not None


def test_cifar10_as_jpeg_does_not_ship_and_says_where_it_goes(tmp_path):
    with pytest.raises(DataUnavailable, match=r"CIFAR-10 \(JPEG\) is not on this machine.*Put it there as .*jpeg.zip"):
        load_data("cifar10-jpeg", root=tmp_path)


def test_cifar10_as_jpeg_is_found_at_home(tmp_path):
    (tmp_path / "data").mkdir()
    make_pictures(tmp_path / "data" / "cifar10-jpeg.zip", train=12, test=2)
    assert load_data("cifar10-jpeg", root=tmp_path).title == "CIFAR-10 (JPEG)"
