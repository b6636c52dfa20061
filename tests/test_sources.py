"""Each named data set from each of its sources, in their order, damaged or not."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import pickle
import struct
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_demo import catalogue, datasets, fetch, sources
from resnet_demo.datasets import availability, fallback, load_dataset
from resnet_demo.errors import DataUnavailable, DownloadFailed, UnknownDataset
from resnet_demo.idx import DamagedFile, read_idx

PACKAGED = sources.ORIGINS["fashion-mnist"].packaged
needs_package = pytest.mark.skipif(
    not PACKAGED.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)
COUNTS = {"train": 60_000, "t10k": 10_000}


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """Nothing in memory, nothing at home, nothing in the working folder, nobody to ask."""
    monkeypatch.setattr(datasets, "_memory", type(datasets._memory)())
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RESNET_DEMO_OFFLINE", "1")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def unpackaged(monkeypatch):
    """As on a machine without Debian's package."""
    without = replace(sources.ORIGINS["fashion-mnist"], packaged=None)
    monkeypatch.setitem(sources.ORIGINS, "fashion-mnist", without)


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    """The four files of a data set like MNIST: every picture has the brightness of its number, modulo 256."""
    files = {}
    for prefix, count in COUNTS.items():
        numbers = np.arange(count)
        pixels = np.broadcast_to((numbers % 256).astype(np.uint8)[:, None, None], (count, 28, 28))
        files[f"{prefix}-images-idx3-ubyte"] = struct.pack(">4I", 0x803, count, 28, 28) + pixels.tobytes()
        files[f"{prefix}-labels-idx1-ubyte"] = (
            struct.pack(">2I", 0x801, count) + (numbers % 10).astype(np.uint8).tobytes()
        )
    return files


def put(files: dict[str, bytes], folder: Path, packed: bool = False) -> Path:
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content, 1) if packed else content)
    return folder


def is_made(data) -> bool:
    pictures = data.train.images[[0, 1, 300, 59_999], 0, 5, 5].tolist() == [0, 1, 44, 59_999 % 256]
    return pictures and data.test.labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


# Sources and their order


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", ["home/data", "here/data"])
def test_files_that_are_already_there_are_used(tmp_path, made, place, packed):
    folder = put(made, tmp_path / place / "FashionMNIST" / "raw", packed)
    assert availability("fashion-mnist") == datasets.Availability(True, f"on this machine: {folder}")
    assert is_made(load_dataset("fashion-mnist"))


def test_home_comes_before_the_working_folder(tmp_path, made, unpackaged):
    put(made, tmp_path / "here" / "data" / "FashionMNIST" / "raw")
    put({name: content[::-1] for name, content in made.items()}, tmp_path / "home" / "data" / "FashionMNIST" / "raw")
    assert "home" in availability("fashion-mnist").where
    assert is_made(load_dataset("fashion-mnist"))  # the ones at home are damaged, the next source is taken


@pytest.mark.parametrize("damage", [
    lambda content: content[:-1],
    lambda content: content + b"x",
    lambda content: b"",
    lambda content: b"\x00\x00\x0d\x03" + content[4:],
    lambda content: content[:4] + b"\xff" * 12 + content[16:],
])  # fmt: skip
def test_damaged_files_are_passed_over(tmp_path, made, unpackaged, damage):
    folder = put(made, tmp_path / "home" / "data" / "MNIST" / "raw")
    file = folder / "train-images-idx3-ubyte"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataUnavailable, match=r"MNIST is not on this machine: downloads are switched off.*small set"):
        load_dataset("mnist")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(made[file.name], 1))
    assert is_made(load_dataset("mnist"))


def test_a_cut_off_gz_and_labels_above_nine_are_damage(tmp_path, made):
    whole = gzip.compress(made["t10k-labels-idx1-ubyte"])
    for number, content in enumerate([whole[:-1], whole[:50], b"not gzip", whole[:-8] + b"\x00" * 8]):
        path = tmp_path / f"{number}.gz"
        path.write_bytes(content)
        with pytest.raises(DamagedFile):
            read_idx(path, (10_000,))
    with pytest.raises(DamagedFile):
        read_idx(tmp_path / "absent", (10_000,))
    labels = made["t10k-labels-idx1-ubyte"][:-1] + b"\x0a"
    with pytest.raises(DamagedFile, match="above 9"):
        sources.read_mnist_like(put({**made, "t10k-labels-idx1-ubyte": labels}, tmp_path / "raw"))


def test_an_incomplete_folder_does_not_count(tmp_path, made, unpackaged):
    folder = put(made, tmp_path / "home" / "data" / "FashionMNIST" / "raw")
    (folder / "t10k-labels-idx1-ubyte").unlink()
    assert not availability("fashion-mnist").available


def test_availability_in_words(monkeypatch, unpackaged):
    assert availability("fashion-mnist-small").where == "ships with the lab"
    assert "switched off" in availability("fashion-mnist").where
    monkeypatch.delenv("RESNET_DEMO_OFFLINE")
    assert availability("fashion-mnist").where == "downloaded on first use (31 MB)"
    assert availability("cifar10").where == "downloaded on first use (170 MB)"
    with pytest.raises(UnknownDataset, match="mnits"):
        availability("mnits")


# Downloads


@pytest.fixture
def mirror(monkeypatch, made, unpackaged, tmp_path):
    """A server on this machine that has the made files, as Fashion-MNIST, under the checksums that they have."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    folder = put(made, tmp_path / "mirror", packed=True)
    files = tuple(
        (path.name, hashlib.md5(path.read_bytes()).hexdigest(), path.stat().st_size)
        for path in sorted(folder.iterdir())
    )
    monkeypatch.setitem(sources.ORIGINS, "fashion-mnist", replace(sources.ORIGINS["fashion-mnist"], files=files))
    monkeypatch.setenv("RESNET_DEMO_OFFLINE", "0")
    monkeypatch.setenv("RESNET_DEMO_TIMEOUT", "5")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setenv("RESNET_DEMO_FASHION_MNIST_URL", f"http://127.0.0.1:{httpd.server_port}")
        yield folder
        httpd.shutdown()


def test_a_download_goes_where_torchvision_looks_and_is_found_again(mirror, monkeypatch, tmp_path):
    seen = []
    assert is_made(load_dataset("fashion-mnist", progress=lambda what, share: seen.append((what, share))))
    assert any(what.startswith("downloading Fashion-MNIST") and 0 <= share <= 1 for what, share in seen)
    folder = tmp_path / "home" / "data" / "FashionMNIST" / "raw"
    assert sorted(item.name for item in folder.iterdir()) == sorted(item.name for item in mirror.iterdir())
    monkeypatch.setenv("RESNET_DEMO_OFFLINE", "1")
    datasets._memory.clear()
    assert is_made(load_dataset("fashion-mnist"))


def test_a_broken_mirror_leaves_what_is_good_and_says_what_to_do(mirror, tmp_path):
    broken = mirror / "t10k-labels-idx1-ubyte.gz"
    good = broken.read_bytes()
    broken.write_bytes(good[:-1] + b"x")
    with pytest.raises(DownloadFailed) as caught:
        load_dataset("fashion-mnist")
    assert str(caught.value) == (
        "Fashion-MNIST could not be downloaded: what arrived is not the original file (its checksum is wrong). "
        "Try again, or train on the small set that ships with the lab."
    )
    assert fallback("fashion-mnist") == "fashion-mnist-small" and fallback("cifar10") is None
    assert not availability("fashion-mnist").available
    assert len(list((tmp_path / "home" / "data" / "FashionMNIST" / "raw").iterdir())) < 4
    broken.write_bytes(good)
    assert is_made(load_dataset("fashion-mnist"))


@needs_package
def test_without_another_set_the_sentence_offers_what_is_here():
    with pytest.raises(DataUnavailable, match="train on Fashion-MNIST, which is on this machine"):
        load_dataset("cifar10")


# CIFAR-10, with archives of the same make


def cifar_archive() -> tuple[bytes, dict[str, bytes]]:
    files = {}
    for number, name in enumerate(catalogue.CIFAR_BATCHES[:-1]):
        pixels = np.full((10, 3072), number, dtype=np.uint8)
        files[name] = pickle.dumps({"data": pixels, "labels": [(number + n) % 10 for n in range(10)]})
    files["batches.meta"] = pickle.dumps({"label_names": list(catalogue.CIFAR)})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in {**files, "../../escaped": b"x"}.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return packed.getvalue(), files


@pytest.fixture
def cifar(monkeypatch):
    """torchvision's checksums become those of small batches; a fetched archive is the one of `packed`."""
    from torchvision.datasets import CIFAR10

    packed, files = cifar_archive()
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(CIFAR10, "train_list", [[name, sums[name]] for name in catalogue.CIFAR_BATCHES[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", sums["test_batch"]]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": sums["batches.meta"]})

    def fetched(jobs, **_):
        jobs[0].path.parent.mkdir(parents=True, exist_ok=True)
        jobs[0].path.write_bytes(packed)

    monkeypatch.setattr(fetch, "download_all", fetched)


def test_cifar10_is_fetched_unpacked_and_read(cifar, tmp_path):
    data = load_dataset("cifar10")
    assert data.train.images.shape == (50, 3, 32, 32) and len(data.test) == 10
    assert data.train.images[:, 0, 0, 0].tolist() == [n for n in range(5) for _ in range(10)]
    assert data.train.labels[10:13].tolist() == [1, 2, 3] and data.train.labels.dtype == torch.int64
    files = [
        path.relative_to(tmp_path / "home").as_posix() for path in (tmp_path / "home").rglob("*") if path.is_file()
    ]
    assert sorted(files) == sorted(f"data/cifar-10-batches-py/{name}" for name in catalogue.CIFAR_BATCHES)
    assert not list(tmp_path.rglob("escaped"))
    assert availability("cifar10").available


def test_a_pickle_without_the_right_checksum_is_never_opened(cifar, monkeypatch, tmp_path):
    class Boom:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    load_dataset("cifar10")
    batch = tmp_path / "home" / "data" / "cifar-10-batches-py" / "data_batch_3"
    batch.write_bytes(pickle.dumps(Boom()))
    datasets._memory.clear()
    assert len(load_dataset("cifar10").train) == 50  # fetched again
    assert not (tmp_path / "boom").exists()
