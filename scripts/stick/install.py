"""Installs ResNet Lab from this stick, without a network: python install.py [FOLDER]

FOLDER (default: resnet-lab in your home) gets the lab, an environment of its own with all packages, the data, and a
script `start` that opens the page. Only Python itself has to be there already, 3.10 to 3.13, in a version that the
stick has wheels for. Run it again to install anew; runs and data of your own stay.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

STICK = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"


def main() -> int:
    into = Path(sys.argv[1] if len(sys.argv) > 1 else Path.home() / "resnet-lab").expanduser().absolute()
    wheels = find_wheels()
    if isinstance(wheels, str):
        print(wheels, file=sys.stderr)
        return 1
    print(f"Installing into {into}: a few minutes.", flush=True)
    python = install_packages(into / "python", wheels)
    if python is None:
        print("The packages could not be installed; the lines above say why. Is the disk full?", file=sys.stderr)
        return 1
    lab = into / "lab"
    shutil.rmtree(lab, ignore_errors=True)
    shutil.copytree(STICK / "resnet-lab", lab)
    if (STICK / "data").is_dir():
        shutil.copytree(STICK / "data", into / "home" / "data", dirs_exist_ok=True)
    print(f"Done. Start it with: {write_start(into, python)}", flush=True)
    return 0


def find_wheels() -> Path | str:
    """The folder of wheels for this machine and this Python, or a sentence that says what is missing."""
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    if system == "linux" and platform.machine() in ("aarch64", "arm64"):
        system = "linux-arm"
    name = f"{system}-{sys.version_info[0]}.{sys.version_info[1]}"
    there = sorted(path.name for path in (STICK / "wheels").iterdir()) if (STICK / "wheels").is_dir() else []
    if name in there:
        return STICK / "wheels" / name
    return f"This stick has nothing for {name} (system and Python); it has: {', '.join(there) or 'no wheels at all'}."


def install_packages(folder: Path, wheels: Path) -> Path | None:
    """The environment's Python; None if pip failed."""
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if WINDOWS else "bin/python")
    words = ["install", "--quiet", "--disable-pip-version-check", "--no-index", "--find-links", str(wheels)]
    done = subprocess.run([str(python), "-m", "pip", *words, "-r", str(wheels / "requirements.txt")])
    return None if done.returncode else python


def write_start(into: Path, python: Path) -> Path:
    """The script that starts the lab without asking any network, with its runs and data beside it."""
    app, home = into / "lab" / "app.py", into / "home"
    if WINDOWS:
        path = into / "start.bat"
        lines = ["@echo off", "set RESNET_DEMO_OFFLINE=1", "set HF_HUB_OFFLINE=1",
                 f'"{python}" "{app}" --data-home "{home}" %*']  # fmt: skip
    else:
        path = into / ("start.command" if sys.platform == "darwin" else "start.sh")
        lines = ["#!/bin/sh", "export RESNET_DEMO_OFFLINE=1 HF_HUB_OFFLINE=1",
                 f'exec "{python}" "{app}" --data-home "{home}" "$@"']  # fmt: skip
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    path.chmod(0o755)
    return path


if __name__ == "__main__":
    sys.exit(main())
