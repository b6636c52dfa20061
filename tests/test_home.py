"""Home is where it was said to be, and a file is never half there."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_demo import home
from resnet_demo.errors import DiskFull


def test_home_follows_the_variable_and_is_not_created(monkeypatch, tmp_path):
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "lab"))
    assert home.home() == tmp_path / "lab"
    assert home.data_dir() == tmp_path / "lab" / "data"
    assert home.runs_dir(tmp_path) == tmp_path / "runs"
    assert not (tmp_path / "lab").exists()


def test_home_without_the_variable_is_the_users_own_folder(monkeypatch):
    monkeypatch.delenv("RESNET_DEMO_HOME", raising=False)
    assert home.home().is_absolute() and "resnet-demo" in home.home().parts


@pytest.mark.parametrize("data", [b"\x00\xff", "\u00e9\u4e2d\n", ""])
def test_write_makes_folders_and_leaves_nothing_else(tmp_path, data):
    path = tmp_path / "a" / "b.json"
    home.write_atomically(path, data)
    assert path.read_bytes() == (data if isinstance(data, bytes) else data.encode())
    assert [item.name for item in path.parent.iterdir()] == ["b.json"]


def test_what_fails_on_the_way_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    home.write_atomically(path, "old")
    with pytest.raises(KeyboardInterrupt), home.replacing(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_one_sentence(monkeypatch, tmp_path):
    def no_room(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "file"
    home.write_atomically(path, "old")
    monkeypatch.setattr(home.os, "fsync", no_room)
    with pytest.raises(DiskFull, match="no room left"):
        home.write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]


def test_other_errors_stay_what_they_are(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError if os.name != "nt" else OSError):
        home.write_atomically(tmp_path / "file" / "inside", "x")


@pytest.mark.parametrize("module", ["home", "imagesets", "idx", "fetch", "sources", "datasets", "folders"])
def test_importing_loads_no_torch(module):
    code = f"import sys, resnet_demo.{module}; print(sorted({{'torch', 'torchvision', 'gradio'}} & set(sys.modules)))"
    folder = Path(home.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout.strip() == "[]"
