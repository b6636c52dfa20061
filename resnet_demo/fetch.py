"""A file from the network: whole and with the right checksum, or one sentence that says why not and what to do instead.

urllib alone waits for ever; here every silence has an end.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout  # Python 3.10: not yet the built-in one
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from . import __version__
from .errors import DataUnavailable, DownloadFailed
from .home import replacing
from .imagesets import Progress

log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 16
SLOWEST_BYTES_PER_SECOND = 100  # a server that drips a byte now and then has stalled as well
STALE_PART_SECONDS = 3600
PROGRESS_SECONDS = 0.1


@dataclass(frozen=True)
class Job:
    """One file to fetch: where from, where to, and what proves that it is the right one.

    The proof is its MD5, or the first digits of its SHA-256. `size_bytes` may be up to `slack_bytes` too large, where
    the size is only known in round figures.
    """

    url: str
    path: Path
    md5: str
    size_bytes: int
    sha256: str = ""
    slack_bytes: int = 0

    def is_at(self, path: Path) -> bool:
        """Whether `path` is this file."""
        try:
            with path.open("rb") as file:
                return self.proves(self.digest(iter(lambda: file.read(CHUNK_BYTES), b"")))
        except OSError:
            return False

    def digest(self, chunks: Iterable[bytes]) -> str:
        sum_of = hashlib.sha256() if self.sha256 else hashlib.md5(usedforsecurity=False)
        for chunk in chunks:
            sum_of.update(chunk)
        return sum_of.hexdigest()

    def proves(self, digest: str) -> bool:
        return digest.startswith(self.sha256) if self.sha256 else digest == self.md5


class TransferError(Exception):
    """Why a transfer ended, as the end of a sentence."""


def offline() -> bool:
    """Whether RESNET_DEMO_OFFLINE forbids every download."""
    return os.environ.get("RESNET_DEMO_OFFLINE", "").strip().lower() not in {"", "0", "false", "no"}


def stall_seconds() -> float:
    """How long a server may stay silent: RESNET_DEMO_TIMEOUT, or 20 s."""
    try:
        return max(0.1, float(os.environ.get("RESNET_DEMO_TIMEOUT", "20")))
    except ValueError:
        return 20.0


def download_all(jobs: list[Job], *, what: str, instead: str, progress: Progress) -> None:
    """Every file of `jobs` is at its path; those already there are not fetched again.

    Raises: DataUnavailable when downloads are switched off; DownloadFailed when the server cannot be reached,
    stalls, breaks off or sends something else; DiskFull. None of these leaves a wrong or half file.
    """
    missing = [job for job in jobs if not job.is_at(job.path)]
    if missing and offline():
        raise DataUnavailable(dataset=what, why="downloads are switched off (RESNET_DEMO_OFFLINE)", instead=instead)
    total, before = sum(job.size_bytes for job in missing), 0
    for job in missing:
        label = f"downloading {what} from {urlsplit(job.url).hostname}"
        try:
            download(job, partial(_tell, progress, label, before, total))
        except TransferError as error:
            raise DownloadFailed(what=what, why=str(error), instead=instead) from error
        before += job.size_bytes


def _tell(progress: Progress, label: str, before: int, total: int, done: int) -> None:
    progress(label, min(1.0, (before + done) / total))


def download(job: Job, progress: Callable[[int], None] = lambda done_bytes: None) -> None:
    """`job.path` holds the file; `progress` is called with the bytes so far.  Raises: TransferError, DiskFull."""
    if urlsplit(job.url).scheme not in {"http", "https"}:
        raise TransferError(f"{job.url} is not an http or https address")
    log.info("Fetching %s", job.url)
    try:
        with replacing(job.path) as part:
            _sweep(job.path.parent)
            with _opened(job) as response, part.open("wb") as file:
                digest = job.digest(_written(_chunks(response, job), file, progress))
            if not job.proves(digest):
                raise TransferError("what arrived is not the original file (its checksum is wrong)")
    except OSError as error:  # the network's own have become TransferError by here
        raise TransferError(f"{job.path} cannot be written ({error.strerror or error})") from error


def _opened(job: Job) -> http.client.HTTPResponse:
    host = urlsplit(job.url).hostname
    request = urllib.request.Request(job.url, headers={"User-Agent": f"resnet-demo/{__version__}"})
    try:
        return _in_time(lambda: urllib.request.urlopen(request, timeout=stall_seconds()))
    except urllib.error.HTTPError as error:
        error.close()
        raise TransferError(f"the server answered {error.code}{_meaning(error.code)}") from error
    except http.client.HTTPException as error:
        raise TransferError(f"what {host} answered is not HTTP") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise TransferError(_silence("the server did not answer")) from error
        why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise TransferError(f"{host} cannot be reached ({why})") from error


def _meaning(code: int) -> str:
    # Not the server's own words, which may be anything.
    return f" ({http.HTTPStatus(code).phrase})" if code in set(http.HTTPStatus) else ""


def _in_time(ask: Callable[[], http.client.HTTPResponse]) -> http.client.HTTPResponse:
    # The timeout of a socket starts anew for every address of a host and every line of its answer, and does not cover
    # the look-up of its name; this one covers all of them. A thread that comes too late hangs up and ends.
    answer: Future[http.client.HTTPResponse] = Future()

    def wait() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=wait, name="download", daemon=True).start()
    try:
        return answer.result(timeout=stall_seconds())
    except FutureTimeout as error:
        answer.add_done_callback(_hang_up)
        raise TimeoutError from error


def _hang_up(late: Future[http.client.HTTPResponse]) -> None:
    if late.exception() is None:
        late.result().close()


def _silence(what: str) -> str:
    return f"{what} in {stall_seconds():g} s"


def _written(chunks: Iterable[bytes], file: BinaryIO, progress: Callable[[int], None]) -> Iterator[bytes]:
    done, told = 0, 0.0
    for chunk in chunks:
        file.write(chunk)
        done += len(chunk)
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            progress(done)
        yield chunk


def _chunks(response: http.client.HTTPResponse, job: Job) -> Iterator[bytes]:
    """What the server sends, as long as it keeps sending and does not send more than the file has."""
    announced = response.headers.get("Content-Length", "")
    expected = int(announced) if announced.isdigit() else None
    done, window_start, window_bytes = 0, time.monotonic(), 0
    while chunk := _read(response, done, job):
        done += len(chunk)
        if done > job.size_bytes:
            raise TransferError("the server sends more than the file has")
        window_bytes += len(chunk)
        if time.monotonic() - window_start > stall_seconds():
            if window_bytes < SLOWEST_BYTES_PER_SECOND * stall_seconds():
                raise TransferError(f"the server all but stopped sending {_of(done, job)}")
            window_start, window_bytes = time.monotonic(), 0
        yield chunk
    if done < (expected if expected is not None else job.size_bytes - job.slack_bytes):
        raise TransferError(f"the connection was cut off {_of(done, job)}")


def _read(response: http.client.HTTPResponse, done: int, job: Job) -> bytes:
    try:
        return response.read1(CHUNK_BYTES)
    except TimeoutError as error:
        raise TransferError(_silence(f"{_of(done, job)}, the server sent nothing more")) from error
    except (OSError, http.client.HTTPException) as error:
        raise TransferError(f"the connection was cut off {_of(done, job)}") from error


def _of(done: int, job: Job) -> str:
    return f"after {done / 1e6:.1f} of {job.size_bytes / 1e6:.1f} MB"


def _sweep(folder: Path) -> None:
    """What downloads that were killed left behind an hour ago or more is removed."""
    for part in folder.glob(".*.part"):
        try:
            if time.time() - part.stat().st_mtime > STALE_PART_SECONDS:
                part.unlink()
        except OSError:
            continue
