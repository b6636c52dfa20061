"""The stick: wheels, lab, data and installer, checked, gone on with, and installed from without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from resnet_demo import catalogue
from scripts import make_stick
from scripts.make_stick import MACHINES, check, main, parse_arguments, sha256

HEAVY = ["torch", "torchvision", "gradio", "matplotlib", "pillow"]


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A home with files where Fashion-MNIST's would be."""
    folder = tmp_path / "home" / "data" / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for name in catalogue.IDX_NAMES:
        (folder / f"{name}.gz").write_bytes(name.encode())
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path / "home"))
    return folder


@pytest.fixture
def pip(monkeypatch):
    """Instead of pip: what it was asked, and a wheel that is as it should be."""
    asked = []

    def run(command, **options):
        asked.append(command)
        into = Path(command[command.index("--dest") + 1])
        (into / f"wheel{len(asked)}.whl").write_bytes(b"x")
        return SimpleNamespace(returncode=run.code, stderr="noise\nERROR: No matching distribution found for torch\n")

    run.code = 0
    run.asked = asked
    monkeypatch.setattr(make_stick.subprocess, "run", run)
    return run


def test_the_whole_stick(data, pip, tmp_path, capsys):
    stick = tmp_path / "stick"
    assert main([str(stick), "--for", "windows", "--for", "linux", "--python", "3.12"]) == 0
    assert "Ready" in capsys.readouterr().out
    there = {path.relative_to(stick).as_posix() for path in make_stick.files_of(stick)}
    assert {"INSTALL.txt", "install.py", "install.bat", "install.sh", "install.command", "SHA256SUMS"} <= there
    assert {"resnet-lab/app.py", "resnet-lab/resnet_demo/assets/fashion-mnist-small.npz"} <= there
    assert "data/FashionMNIST/raw/train-images-idx3-ubyte.gz" in there
    assert not [name for name in there if "__pycache__" in name or "/tests/" in name]
    heavy, light = pip.asked[:2]
    assert make_stick.CPU_INDEX in heavy and "win_amd64" in heavy and any(w.startswith("torch>=") for w in heavy)
    assert not set(MACHINES["linux"]) & set(light) and "colorama" in light and "--index-url" not in light
    assert set(MACHINES["linux"]) <= set(pip.asked[2]) and pip.asked[2].count("3.12") == 1
    assert "torch>=2.8" in (stick / "wheels/linux-3.12/requirements.txt").read_text()
    assert main([str(stick), "--check"]) == 0


def test_begun_again_it_goes_on_and_damage_is_found(data, pip, tmp_path, capsys):
    stick = tmp_path / "stick"
    pip.code = 1
    assert main([str(stick)]) == 1
    assert "not complete: pip could not fetch" in (told := capsys.readouterr().err) and "for torch" in told
    assert main([str(stick), "--check"]) == 1 and "not made to its end" in capsys.readouterr().err
    pip.code = 0
    assert main([str(stick)]) == 0
    app, kept = stick / "resnet-lab" / "app.py", (stick / "resnet-lab" / "README.md").stat().st_mtime_ns
    app.write_bytes(app.read_bytes() + b"#")
    (stick / "resnet-lab" / "old.py").write_text("x")
    with pytest.raises(make_stick.Refused, match=r"app\.py is damaged"):
        check(stick)
    (stick / "data/FashionMNIST/raw/t10k-labels-idx1-ubyte.gz").unlink()
    assert main([str(stick)]) == 0 and main([str(stick), "--check"]) == 0
    assert sha256(app) == sha256(make_stick.ROOT / "app.py") and not (stick / "resnet-lab" / "old.py").exists()
    assert (stick / "resnet-lab" / "README.md").stat().st_mtime_ns == kept


def test_data_that_are_not_here_are_named(pip, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RESNET_DEMO_HOME", str(tmp_path))
    assert main([str(tmp_path / "stick"), "--data", "cifar10"]) == 1
    assert "CIFAR-10 is not on this machine" in capsys.readouterr().err
    assert main([str(tmp_path / "stick"), "--data"]) == 0


@pytest.mark.parametrize("words", [["--python", "3.9"], ["--for", "beos"], ["--data", "imagenet"]])
def test_nonsense_is_refused(words, capsys):
    with pytest.raises(SystemExit):
        parse_arguments(["x", *words])
    assert "error:" in capsys.readouterr().err


def test_the_installer_says_what_the_stick_lacks(data, pip, tmp_path):
    stick = tmp_path / "stick"
    assert main([str(stick), "--for", "windows", "--python", "3.10"]) == 0
    done = subprocess.Popen(
        [sys.executable, str(stick / "install.py"), str(tmp_path / "x")], stderr=subprocess.PIPE, text=True
    )
    assert "it has: windows-3.10" in done.communicate()[1] and done.returncode == 1 and not (tmp_path / "x").exists()


@pytest.mark.slow
def test_a_real_stick_installs_without_a_network(data, tmp_path):
    """The small packages, really fetched, and an environment made from nothing but them."""
    stick, into = tmp_path / "stick", tmp_path / "room"
    assert main([str(stick), "--without", *HEAVY]) == 0
    alone = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}
    installer = ["install.bat"] if os.name == "nt" else ["sh", "install.sh"]
    subprocess.run([*installer, str(into)], cwd=stick, env=alone, check=True, timeout=300)
    python = into / "python" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    code = "import json, safetensors, platformdirs, resnet_demo; print(json.dumps([resnet_demo.__file__]))"
    done = subprocess.run([python, "-c", code], cwd=into / "lab", capture_output=True, text=True, check=True)
    assert Path(json.loads(done.stdout)[0]).is_relative_to(into / "lab")
    listed = subprocess.run(
        [python, "-m", "resnet_demo", "datasets", "--json"], cwd=into / "lab", capture_output=True, text=True,
        env={**os.environ, "RESNET_DEMO_HOME": str(into / "home")}, check=True,
    )  # fmt: skip
    found = {row["name"]: row for row in json.loads(listed.stdout)}
    assert found["fashion-mnist"]["available"]
    start = next(into.glob("start.*"))
    assert "RESNET_DEMO_OFFLINE=1" in start.read_text() and str(into / "home") in start.read_text()
