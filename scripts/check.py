"""Checks the lab on a fresh machine or a used one: lint, format, types, tests. The first failure ends it.

    python scripts/check.py [--quick] [--fix] [--lowest] [PYTEST OPTIONS]

--quick leaves the slow tests out. --fix mends what lint and format can and writes the README's tables. --lowest runs
the quick tests and nothing else, with the lowest versions that requirements.txt allows and the Python that runs this
file, in an environment of its own (.venv-lowest, several GB). Everything else goes to pytest: `tests/test_train.py`,
`-k resume`.

It makes .venv (an active virtual environment is used instead) and installs what the lab and its tests need; on Debian
and its relatives also the packages `chromium` and `dataset-fashion-mnist`. Only the standard library is imported here.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV, LOWEST = ROOT / ".venv", ROOT / ".venv-lowest"
NEEDS, TEST_NEEDS = ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"
DEBIAN = {"chromium": "chromium", "dataset-fashion-mnist": None, "fonts-dejavu-core": None}  # package -> its command
QUICK = ("-m", "not slow")
Step = tuple[str, Sequence[str]]  # what it is called, the module and its arguments


def main() -> int:
    options, for_pytest = parser().parse_known_args()
    if options.lowest:
        interpreter = lowest_environment()
        steps: list[Step] = [("tests, lowest versions", ("pytest", *QUICK, *for_pytest))]
    else:
        interpreter = environment()
        steps = checks(options.fix, [*(QUICK if options.quick else ()), *for_pytest])
    install_debian_packages()
    return run(interpreter, steps)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description="Lint, format, types, tests; the first failure ends it.",
        epilog="Everything else goes to pytest.",
        allow_abbrev=False,
    )
    made.add_argument("--quick", action="store_true", help="leave the slow tests out")
    made.add_argument("--fix", action="store_true", help="mend what lint and format can, write the README's tables")
    made.add_argument("--lowest", action="store_true", help="only the quick tests, with the lowest versions allowed")
    return made


def checks(fix: bool, for_pytest: Sequence[str]) -> list[Step]:
    return [
        *([("tables", ("scripts.write_tables",))] if fix else []),
        ("lint", ("ruff", "check", *(["--fix"] if fix else []), ".")),
        ("format", ("ruff", "format", *([] if fix else ["--check"]), ".")),
        ("types", ("mypy",)),
        ("tests", ("pytest", *for_pytest)),
    ]


def run(interpreter: Path, steps: Sequence[Step]) -> int:
    """The exit code of the first step that fails, 0 if none does."""
    for name, (module, *arguments) in steps:
        print(f"== {name}: {module} {' '.join(arguments)}".rstrip(), flush=True)
        began = time.monotonic()
        code = subprocess.run([interpreter, "-m", module, *arguments], cwd=ROOT).returncode
        taken = f"{time.monotonic() - began:.0f} s"
        if code:
            print(f"== {name} FAILED after {taken} (exit code {code}); what comes after it was not run", flush=True)
            return code
        print(f"== {name}: fine, {taken}", flush=True)
    return 0


def environment() -> Path:
    """The interpreter to check with: the active virtual environment's, or that of .venv, made if need be."""
    interpreter = Path(sys.executable) if sys.prefix != sys.base_prefix else interpreter_of(VENV)
    if not interpreter.exists():
        print(f"== making {VENV}", flush=True)
        venv.create(VENV, with_pip=True)
    install(interpreter, "-r", str(NEEDS), "-r", str(TEST_NEEDS))
    return interpreter


def lowest_environment() -> Path:
    """That of .venv-lowest, made anew whenever the floors or the interpreter have changed."""
    wanted = floors(NEEDS.read_text(encoding="utf-8"))
    made_of, stamp = " ".join([sys.version.split()[0], *wanted]), LOWEST / "made-of.txt"
    interpreter = interpreter_of(LOWEST)
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != made_of:
        print(f"== making {LOWEST}: Python {made_of}", flush=True)
        venv.create(LOWEST, with_pip=True, clear=True)
        install(interpreter, *wanted, "-r", str(TEST_NEEDS))
        stamp.write_text(made_of, encoding="utf-8")
    return interpreter


def floors(requirements: str) -> list[str]:
    """“gradio>=6.31,<7” as “gradio==6.31”, a line each. Every line needs a floor: without one the lowest is a guess."""
    pinned = []
    for line in filter(None, (line.split("#")[0].strip() for line in requirements.splitlines())):
        found = re.fullmatch(r"([\w.-]+)>=([\d.]+)(,.*)?", line)
        if not found:
            raise SystemExit(f"requirements.txt: “{line}” names no lowest version (such as torch>=2.8)")
        pinned.append(f"{found[1]}=={found[2]}")
    return pinned


def interpreter_of(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def install(interpreter: Path, *what: str) -> None:
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what], check=True)


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


if __name__ == "__main__":
    raise SystemExit(main())
