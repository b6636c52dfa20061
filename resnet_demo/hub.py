"""Checkpoints from the Hugging Face Hub, by the name `hub:owner/name`.

Of a repository `model.safetensors` and `config.json` are downloaded, nothing else. Since an exception's text may hold
the header that was sent, and with it a token, none of huggingface_hub's is ever chained, logged or shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants, errors, hf_hub_download, hf_hub_url
from huggingface_hub.utils import logging as hub_logging

from . import fetch
from .checkpoint import HUB
from .errors import BadRequest, CheckpointRefused, DataUnavailable, DownloadFailed, LabError
from .imagenet import CLASSES, NAME
from .imagesets import Progress

WEIGHTS, CONFIG = constants.SAFETENSORS_SINGLE_FILE, constants.CONFIG_NAME
MOST_BYTES, MOST_CONFIG_BYTES = 1_000_000_000, 10_000_000
LONGEST_LABEL = 200
INSTEAD = "Try again in a while."
_PLACE = re.compile(r"(?P<repo>[\w.-]{1,96}/[\w.-]{1,96})(?:@(?P<revision>[\w./-]{1,200}))?", re.ASCII)


@dataclass(frozen=True)
class Place:
    """A model repository, `owner/name`, and the branch, tag or commit that is meant (None: the newest)."""

    repo: str
    revision: str | None = None

    @classmethod
    def of(cls, text: str) -> Place:
        """`owner/name` or `owner/name@revision`, with `hub:` in front or not.

        Raises: BadRequest.
        """
        found = _PLACE.fullmatch(text.strip().removeprefix(HUB))
        if found is None or ".." in text or "--" in found["repo"]:
            how = "write owner/name, or owner/name@revision"
            raise BadRequest(what=f"“{text.strip()[:100]}” names no model on the Hugging Face Hub: {how}.")
        return cls(found["repo"], found["revision"])

    def __str__(self) -> str:
        return f"{HUB}{self.repo}" + (f"@{self.revision}" if self.revision else "")


def obtain(
    text: str, progress: Progress | None = None, *, token: str | bool | None = None, cache_dir: Path | None = None,
    most_bytes: int = MOST_BYTES,
) -> Path:  # fmt: skip
    """`model.safetensors` of that repository in the Hub's cache (or `cache_dir`), with `config.json` beside it.

    `token` None is the login that this machine has, False is nobody's.
    Raises: BadRequest, CheckpointRefused for what is not there, not to be seen or too large, DownloadFailed,
    DataUnavailable where downloads are switched off.
    """
    place, tell = Place.of(text), progress or (lambda what, share: None)
    token = (huggingface_hub.get_token() or False) if token is None else token
    with quietly(), _explained(place):
        if fetch.offline() or constants.HF_HUB_OFFLINE:
            return _fetched_before(place, cache_dir)
        tell(f"asking the Hub for {place.repo}", None)
        try:
            _check_size(place, WEIGHTS, most_bytes, token)
        except Exception as error:
            if isinstance(error, LabError) or hasattr(error, "response"):  # an answer, though not a good one
                raise
            return _fetched_before(place, cache_dir)
        try:
            _check_size(place, CONFIG, MOST_CONFIG_BYTES, token)
            _download(place, CONFIG, token, cache_dir)
        except errors.EntryNotFoundError:  # ours tells the same inside the weights
            pass
        bar = _bar(f"downloading {place.repo} from the Hub", most_bytes, tell)
        return _download(place, WEIGHTS, token, cache_dir, tqdm_class=bar)


def _fetched_before(place: Place, cache_dir: Path | None) -> Path:
    return _download(place, WEIGHTS, False, cache_dir, local_files_only=True)


def _check_size(place: Place, file: str, most_bytes: int, token: str | bool | None) -> None:
    """Raises: CheckpointRefused for a file that is too large, or of a size that the Hub does not tell."""
    url = hf_hub_url(place.repo, file, revision=place.revision)
    about = huggingface_hub.get_hf_file_metadata(url, token=token)
    if about.size is None or about.size > most_bytes:
        raise CheckpointRefused(path=str(place), why=f"its {file} is larger than {most_bytes / 1e6:,.0f} MB")


def _download(place: Place, file: str, token: str | bool | None, cache_dir: Path | None, **how: Any) -> Path:
    return Path(hf_hub_download(place.repo, file, revision=place.revision, token=token, cache_dir=cache_dir, **how))


def hints(path: Path) -> dict[str, Any]:
    """What the `config.json` beside weights from elsewhere says of their classes, as arguments of `brought.bring`."""
    try:
        config = json.loads((path.parent / CONFIG).read_bytes()[:MOST_CONFIG_BYTES])
        labels = config.get("id2label") or {}
        names = [str(labels[str(index)])[:LONGEST_LABEL] for index in range(len(labels))]
        tag = str((config.get("pretrained_cfg") or {}).get("tag", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    if len(names) == CLASSES or "in1k" in tag:
        return {"dataset": NAME}
    return {"classes": tuple(names)} if names else {}


@contextmanager
def _explained(place: Place) -> Iterator[None]:
    """Whatever fails in asking the Hub becomes one sentence without the text of what failed."""
    try:
        yield
    except LabError:
        raise
    except Exception as error:
        raise _refusal(place, error) from None


def _refusal(place: Place, error: Exception) -> LabError:
    if isinstance(error, errors.GatedRepoError):
        return CheckpointRefused(path=str(place), why="its authors let in only whom they know; ask them on its page")
    if isinstance(error, (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled)):
        if fetch.offline() or constants.HF_HUB_OFFLINE:
            why = "downloads are switched off"
            return DataUnavailable(dataset=str(place), why=why, instead="Only what was fetched before can be opened.")
        return DownloadFailed(what=str(place), why="the Hub cannot be reached", instead=INSTEAD)
    if isinstance(error, errors.RepositoryNotFoundError):
        return CheckpointRefused(path=str(place), why="there is no such model on the Hub, or it is private")
    if isinstance(error, errors.RevisionNotFoundError):
        return CheckpointRefused(path=str(place), why="it has no such revision")
    if isinstance(error, errors.EntryNotFoundError):
        return CheckpointRefused(path=str(place), why=f"it has no {WEIGHTS}, and nothing else is read from the Hub")
    if isinstance(error, errors.HFValidationError):
        return CheckpointRefused(path=str(place), why="the Hub has no such names")
    status = getattr(getattr(error, "response", None), "status_code", None)
    why = f"the Hub answered {status}" if status else "the Hub cannot be reached, or the connection was cut off"
    return DownloadFailed(what=str(place), why=why, instead=INSTEAD)


@contextmanager
def quietly() -> Iterator[None]:
    """A stretch without huggingface_hub's own warnings and bars: what is to be said is said here."""
    before = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()
    try:
        yield
    finally:
        hub_logging.set_verbosity(before)


def _bar(what: str, most_bytes: int, tell: Progress) -> type:
    """A progress bar as huggingface_hub takes one, which tells `tell` and ends what grows past `most_bytes`."""

    class Bar:
        def __init__(self, *args: Any, total: float | None = None, initial: float = 0, **options: Any) -> None:
            self.total, self.n = total, initial

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            if self.n > most_bytes:
                raise OSError("more than was announced")
            tell(what, min(1.0, self.n / self.total) if self.total else None)

        def __enter__(self) -> Bar:
            return self

        def __exit__(self, *failure: object) -> None:
            return None

        def __getattr__(self, name: str) -> Any:  # whatever else a bar can do, this one need not
            return lambda *args, **options: None

    return Bar
