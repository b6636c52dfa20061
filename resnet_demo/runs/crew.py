"""One run on several GPUs of this machine: the worker trains as the first process, and starts and watches the others.

What torchrun does for the command line, a server's worker does for itself, so that the others live no longer than it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..distributed import World, join
from .together import follow, in_step

LAST_SECONDS = 10.0  # how long the others may take to leave at the end


@contextmanager
def crew(size: int) -> Iterator[World]:
    """The first process's place among `size`, the others started; alone if `size` is 1. They end with the block."""
    if size == 1:
        yield World()
        return
    shared = {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
    shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    others = [_start({**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}) for rank in range(1, size)]
    try:
        os.environ.update({**shared, "RANK": "0", "LOCAL_RANK": "0"})
        yield join()
    finally:
        for other in others:
            _end(other)


def _start(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", __name__], stdin=subprocess.PIPE, env=environment)


def _end(other: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        other.wait(LAST_SECONDS)
    if other.stdin is not None:
        with suppress(OSError):
            other.stdin.close()
    other.kill()
    other.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _end_with_standard_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """One of the others: it has the first one's environment, priority and log, and ends with it."""
    threading.Thread(target=_end_with_standard_input, daemon=True).start()
    world = join()
    code = in_step(world, lambda: follow(world))
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
