"""Publishes this folder as a Space on Hugging Face: what `hf upload --repo-type space` does, checked first.

    python scripts/publish_space.py OWNER/NAME [--hardware zero-a10g] [--private] [--dry-run] [--force]

The Space is made if it is not there; files that are gone here go there, too. What goes is what git knows, without what
only developers need. A token comes from HF_TOKEN or `hf auth login`, and has to be allowed to write.
"""

from __future__ import annotations

import argparse
import fnmatch
import subprocess
import sys
from pathlib import Path

import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

ROOT = Path(__file__).resolve().parent.parent
NOT_NEEDED = (
    ".*",
    "tests/*",
    "benchmarks/*",
    "scripts/*",
    "docs/LOG.md",
    "*/__pycache__/*",
    "data/*",
    "runs/*",
    "*.pyc",
)
LARGEST_BYTES = 10_000_000  # the Hub takes larger files by git-lfs alone, and a Space builds from them slowly
NEEDED = ("app.py", "requirements.txt", "README.md")
HINTS = {
    401: "the token is not accepted; make one that may write at https://huggingface.co/settings/tokens",
    403: "the token may not write there: is the owner's name right, and may this account have such a Space?",
    402: "this account has to pay for such a Space or such hardware",
}


class Refused(Exception):
    """Why nothing was published, as a sentence."""


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    try:
        files = files_to_publish(ROOT, options.force)
        if options.dry_run:
            return show(files)
        address = publish(options, files)
    except Refused as refusal:
        print(f"Nothing was published: {refusal}.", file=sys.stderr)
        return 1
    print(f"Published {len(files)} files: {address}")
    return 0


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Publishes this folder as a Space on Hugging Face.")
    parser.add_argument("space", metavar="OWNER/NAME")
    parser.add_argument("--hardware", help="ask for this hardware, such as cpu-basic, zero-a10g or t4-small")
    parser.add_argument("--private", action="store_true", help="a new Space is seen by its owner alone")
    parser.add_argument("--dry-run", action="store_true", help="list what would go, and ask nobody")
    parser.add_argument("--force", action="store_true", help="publish what has not been committed, too")
    parser.add_argument("--message", default="Publish ResNet Lab", help="message of the Space's commit")
    return parser.parse_args(arguments)


def files_to_publish(root: Path, force: bool) -> list[str]:
    """Paths below `root`, with slashes.  Raises: Refused."""
    files = [name for name in _known_files(root, force) if not any(fnmatch.fnmatch(name, gone) for gone in NOT_NEEDED)]
    if missing := [name for name in NEEDED if name not in files]:
        raise Refused(f"there is no {missing[0]} in {root}")
    if large := [name for name in files if (root / name).stat().st_size > LARGEST_BYTES]:
        raise Refused(f"{large[0]} has {(root / large[0]).stat().st_size / 1e6:.1f} MB, and 10 MB is the most")
    return sorted(files)


def _known_files(root: Path, force: bool) -> list[str]:
    listed = _git(root, "ls-files", "-z")
    if listed is None:
        if not force:
            raise Refused("this is no git checkout; --force publishes the folder as it is")
        return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    if not force and (changed := _git(root, "status", "--porcelain")):
        raise Refused(f"{len(changed.splitlines())} files are not committed; commit them, or say --force")
    return [name for name in listed.split("\0") if name and (root / name).is_file()]


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def show(files: list[str]) -> int:
    for name in files:
        print(f"{(ROOT / name).stat().st_size:>12,}  {name}")
    print(f"{sum((ROOT / name).stat().st_size for name in files):>12,}  in {len(files)} files would go")
    return 0


def publish(options: argparse.Namespace, files: list[str]) -> str:
    """The Space's address.  Raises: Refused."""
    token = huggingface_hub.get_token()
    if not token:
        raise Refused("there is no token; set HF_TOKEN, or sign in with `hf auth login`")
    hub = HfApi(token=token)
    try:
        made = hub.create_repo(
            options.space, repo_type="space", space_sdk="gradio", private=options.private or None, exist_ok=True
        )
        hub.upload_folder(
            repo_id=options.space, repo_type="space", folder_path=ROOT, allow_patterns=files, delete_patterns="*",
            commit_message=options.message,
        )  # fmt: skip
        if options.hardware:
            hub.request_space_hardware(options.space, options.hardware)
    except HFValidationError:
        raise Refused(f"{options.space} is no name of a Space: OWNER/NAME is what it looks like") from None
    except HfHubHTTPError as error:  # its text may hold what was sent, the token among it
        status = error.response.status_code if error.response is not None else 0
        raise Refused(HINTS.get(status, f"the Hub answered with status {status}")) from None
    except OSError:
        raise Refused("the Hub could not be reached") from None
    return str(made)


if __name__ == "__main__":
    sys.exit(main())
