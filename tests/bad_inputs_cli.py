"""Gives every bad input to the command line, in one process, and tells on stdout what came of it, as JSON lines.

`python tests/bad_inputs_cli.py FOLDER [part of a name]`. The last line has the most memory that was in use.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import bad_inputs
import psutil

from resnet_demo.cli import main


def everything() -> tuple[Iterator[bad_inputs.BadInput], ...]:
    """The whole corpus: pictures, archives, checkpoints."""
    return bad_inputs.pictures(), bad_inputs.archives(), bad_inputs.checkpoints()


def asked(
    folder: Path, corpus: Sequence[Iterable[bad_inputs.BadInput]]
) -> Iterator[tuple[bad_inputs.BadInput, list[str]]]:
    """Each input with the command that is to read it, where FILE stands for its path."""
    pictures, archives, checkpoints = corpus
    good = folder / "good.safetensors"
    good.write_bytes(bad_inputs.carded())
    grey = folder / "grey.png"
    grey.write_bytes(bad_inputs.picture_file("PNG"))
    for bad in pictures:
        yield bad, ["classify", "FILE", "--checkpoint", str(good)]
    for bad in archives:
        yield bad, ["evaluate", str(good), "--data", "FILE"]
    for bad in checkpoints:
        yield bad, ["classify", str(grey), "--checkpoint", "FILE"]
        if not bad.name.startswith(("card-", "spec-", "mean-", "std-", "no-card")):  # their weights are good ones
            yield bad, ["recognise"]


def recognised(path: Path) -> int:
    """What the page does with weights that somebody brings."""
    from resnet_demo.errors import LabError
    from resnet_demo.foreign import recognise
    from resnet_demo.weights import read_weights

    try:
        recognise(read_weights(path), path.name)
    except LabError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def result(folder: Path, bad: bad_inputs.BadInput, command: list[str]) -> dict[str, object]:
    path = folder / "in" / bad.name.replace("/", "_")
    path.write_bytes(bad.data)
    heard, started = io.StringIO(), time.perf_counter()
    with contextlib.redirect_stderr(heard), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = (
                recognised(path)
                if command == ["recognise"]
                else main([str(path) if w == "FILE" else w for w in command])
            )
        except BaseException as error:  # whatever comes through is what the test is after
            code = repr(error)
    path.unlink()
    return {"name": bad.name, "may_pass": bad.may_pass, "code": code, "said": heard.getvalue(),
            "seconds": time.perf_counter() - started}  # fmt: skip


def most_memory() -> int:
    """Bytes; of this process, at its highest where the system keeps count."""
    with contextlib.suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return psutil.Process().memory_info().peak_wset


if __name__ == "__main__":
    place = Path(sys.argv[1])
    (place / "in").mkdir()
    for one, words in asked(place, everything()):
        if len(sys.argv) < 3 or sys.argv[2] in one.name:
            print(json.dumps(result(place, one, words)), flush=True)
            print(most_memory() >> 20, one.name, file=sys.stderr) if len(sys.argv) == 3 else None
    print(json.dumps({"bytes": most_memory()}))
