"""Runs the tests on a fresh machine: makes .venv, installs what the lab and its tests need, and starts pytest.

    python scripts/test.py [PYTEST OPTIONS]        such as: -m "not slow"

On Debian and its relatives it also installs the packages `chromium` (for the page) and `dataset-fashion-mnist`.
Inside an active virtual environment that one is used. Only the standard library is imported here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
DEBIAN = {"chromium": "chromium", "dataset-fashion-mnist": None, "fonts-dejavu-core": None}  # package -> its command


def python() -> str:
    """The interpreter to test with: the active virtual environment's, or that of .venv, made if need be."""
    if sys.prefix != sys.base_prefix:
        return sys.executable
    path = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not path.exists():
        print(f"Making {VENV}", flush=True)
        venv.create(VENV, with_pip=True)
    return str(path)


def install_python_packages(interpreter: str) -> None:
    files = ["-r", str(ROOT / "requirements.txt"), "-r", str(ROOT / "tests" / "requirements.txt")]
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *files], check=True)


def install_debian_packages() -> None:
    """Best effort: a test that misses one says so."""
    missing = [name for name, command in DEBIAN.items() if not _is_installed(name, command)]
    if not missing or not shutil.which("apt-get"):
        return
    sudo = [] if getattr(os, "geteuid", lambda: 0)() == 0 else ["sudo", "-n"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        done = subprocess.run([*sudo, "apt-get", "-q", *command], env=environment, stdout=subprocess.DEVNULL)
        if done.returncode:
            print(f"apt-get {command[0]} did not work; tests that need {', '.join(missing)} will say so", flush=True)
            return


def _is_installed(package: str, command: str | None) -> bool:
    if command and shutil.which(command):
        return True
    asked = subprocess.run(["dpkg", "-s", package], capture_output=True) if shutil.which("dpkg") else None
    return bool(asked and asked.returncode == 0)


def main() -> int:
    interpreter = python()
    install_python_packages(interpreter)
    install_debian_packages()
    return subprocess.run([interpreter, "-m", "pytest", *sys.argv[1:]], cwd=ROOT).returncode


if __name__ == "__main__":
    raise SystemExit(main())
