"""Collects the lab for rooms without a network: wheels, the code, the data and an installer, in one folder for a stick.

    python scripts/make_stick.py FOLDER [--for windows] [--for macos] [--for linux] [--python 3.12] [--torch cpu]
                                 [--without NAME ...] [--data fashion-mnist ...]
    python scripts/make_stick.py FOLDER --check

Each `--for` is a kind of machine in the room: windows, macos (Apple silicon), linux, linux-arm; default: this one's.
`--torch` is the kind of PyTorch: cpu (wheels of some 200 MB), default (PyPI's: on Linux with CUDA, 5 GB), or the
address of another index of wheels. Begun again it goes on where it stopped; what is there is not fetched again.
On the machines of the room: see INSTALL.txt on the stick.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from resnet_demo import sources  # noqa: E402
from resnet_demo.catalogue import DATASETS  # noqa: E402

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
TORCH = ("torch", "torchvision")
LINUX = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014")
MACHINES = {
    "windows": ("win_amd64",),
    "macos": tuple(f"macosx_{version}_0_arm64" for version in (14, 13, 12, 11)),
    "linux": tuple(f"{name}_x86_64" for name in LINUX),
    "linux-arm": tuple(f"{name}_aarch64" for name in LINUX),
}
# pip reads what a package needs on which system as of the machine it runs on; these are needed on the other.
ALSO = {"windows": ("colorama", "tzdata")}
LAB = ("app.py", "requirements.txt", "README.md", "LICENSE", "resnet_demo", "checkpoints", "docs")
SUMS = "SHA256SUMS"


class Refused(Exception):
    """Why the stick is not complete, as a sentence."""


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        if options.check:
            return say(f"All {check(options.folder)} files are as they were written.")
        make(options)
    except (Refused, OSError) as error:
        print(f"The stick is not complete: {error}", file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in files_of(options.folder)) / 1e6
    return say(f"Ready: {options.folder}, {size:,.0f} MB. INSTALL.txt tells what to do with it.")


def say(words: str) -> int:
    print(words, flush=True)
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Collects the lab for rooms without a network.")
    parser.add_argument("folder", type=Path, help="where to; the stick itself, or a folder to copy onto it")
    parser.add_argument("--for", action="append", dest="machines", choices=sorted(MACHINES), help="may be given again")
    parser.add_argument("--python", default=f"{sys.version_info[0]}.{sys.version_info[1]}", help="of those machines")
    parser.add_argument("--torch", default="cpu", metavar="KIND", help="cpu, default, or the address of an index")
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME", help="requirements that are there already")
    parser.add_argument("--data", nargs="*", default=["fashion-mnist"], metavar="NAME", help="data sets to take along")
    parser.add_argument("--check", action="store_true", help="only compare what is on the stick with its checksums")
    options = parser.parse_args(arguments)
    if not re.fullmatch(r"3\.1[0-3]", options.python):
        parser.error("--python must be 3.10 to 3.13")
    if unknown := [name for name in options.data if name not in sources.ORIGINS]:
        parser.error(f"there is no data set {unknown[0]}; there are {', '.join(sources.ORIGINS)}")
    options.machines = options.machines or [this_machine()]
    return options


def this_machine() -> str:
    system = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
    return "linux-arm" if system == "linux" and platform.machine() in ("aarch64", "arm64") else system


def make(options: argparse.Namespace) -> None:
    """Raises: Refused, OSError."""
    options.folder.mkdir(parents=True, exist_ok=True)
    (options.folder / SUMS).unlink(missing_ok=True)  # it says that the stick is complete
    for machine in options.machines:
        fetch_wheels(options, machine)
    copy_lab(options.folder / "resnet-lab")
    for name in options.data:
        copy_data(name, options.folder / "data")
    for file in sorted((Path(__file__).parent / "stick").iterdir()):
        if file.is_file():
            copy(file, options.folder / file.name)
    write_sums(options.folder)


def fetch_wheels(options: argparse.Namespace, machine: str) -> None:
    into = options.folder / "wheels" / f"{machine}-{options.python}"
    into.mkdir(parents=True, exist_ok=True)
    wanted = [line for line in requirements() if name_of(line) not in options.without]
    heavy = [line for line in wanted if name_of(line) in TORCH] if options.torch != "default" else []
    light = [line for line in wanted if line not in heavy] + list(ALSO.get(machine, ()))
    if heavy:
        download(heavy, into, machine, options.python, CPU_INDEX if options.torch == "cpu" else options.torch)
    download(light, into, machine, options.python)
    (into / "requirements.txt").write_text("\n".join(wanted) + "\n", encoding="utf-8")


def requirements() -> list[str]:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def name_of(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()


def download(wanted: list[str], into: Path, machine: str, python: str, index: str = "") -> None:
    """Raises: Refused."""
    say(f"Wheels for {machine}, Python {python}: {', '.join(wanted)}")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(into)]
    command += ["--only-binary=:all:", "--python-version", python, "--implementation", "cp", "--find-links", str(into)]
    for tag in MACHINES[machine]:
        command += ["--platform", tag]
    command += ["--index-url", index] if index else []
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, encoding="utf-8", errors="replace")
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip gave no reason"]
        raise Refused(f"pip could not fetch the wheels for {machine}: {lines[-1].removeprefix('ERROR: ')}")


def copy_lab(into: Path) -> None:
    """The lab's own files as they are here, without what only developers need; what is gone here goes there, too."""
    wanted = {}
    for name in LAB:
        for path in files_of(ROOT / name) if (ROOT / name).is_dir() else [ROOT / name]:
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".part":
                wanted[path.relative_to(ROOT).as_posix()] = path
    if into.is_dir():
        for path in list(files_of(into)):
            if path.relative_to(into).as_posix() not in wanted:
                path.unlink()
    for name, path in wanted.items():
        copy(path, into / name)
    say(f"The lab: {len(wanted)} files")


def copy_data(name: str, into: Path) -> None:
    """A data set from where it is on this machine, laid out as the lab looks for it.  Raises: Refused."""
    origin, folders = sources.ORIGINS[name], sources.find(name)
    if not folders:
        raise Refused(
            f"{DATASETS[name].title} is not on this machine; let the lab fetch it first: python -m resnet_demo train "
            f"--dataset {name} --max-steps 1 (or take the small set that is part of the lab: --data)"
        )
    for held in origin.holds:
        found = next(path for path in (folders[0] / f"{held}.gz", folders[0] / held) if path.is_file())
        copy(found, into / origin.folder / found.name)
    say(f"{DATASETS[name].title} from {folders[0]}")


def copy(source: Path, target: Path) -> None:
    """The file at `target`, whole or not at all; one with the same contents is left alone."""
    if target.is_file() and target.stat().st_size == source.stat().st_size and sha256(target) == sha256(source):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    shutil.copyfile(source, part)
    part.chmod(source.stat().st_mode & 0o755 | 0o600)
    part.replace(target)


def files_of(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def write_sums(folder: Path) -> None:
    """SHA256SUMS as `sha256sum -c` reads it."""
    lines = [f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files_of(folder)]
    (folder / f"{SUMS}.part").write_text("".join(lines), encoding="utf-8", newline="\n")
    (folder / f"{SUMS}.part").replace(folder / SUMS)


def check(folder: Path) -> int:
    """How many files there are.  Raises: Refused for the first that is missing or not as it was."""
    if not (folder / SUMS).is_file():
        raise Refused(f"there is no {SUMS} in {folder}; the stick was not made to its end")
    lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    for line in lines:
        digest, _, name = line.partition("  ")
        if not (folder / name).is_file():
            raise Refused(f"{name} is missing")
        if sha256(folder / name) != digest:
            raise Refused(f"{name} is damaged; make the stick again")
    return len(lines)


if __name__ == "__main__":
    sys.exit(main())
