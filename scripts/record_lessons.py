"""Records the runs that the lessons show, thinned, into resnet_demo/lessons/runs/.

    python scripts/record_lessons.py [NAME ...] [--work DIR] [--again] [--list]

What is there already is left as it is, so the command goes on where it was stopped. NAME may be the number of a lesson.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from resnet_demo.home import write_atomically  # noqa: E402
from resnet_demo.layers import layer_table  # noqa: E402
from resnet_demo.lessons import recorder  # noqa: E402
from resnet_demo.lessons.table import BLOCKS, GRADIENT_NETS, GRADIENT_STEPS, GRADIENTS, RECORDINGS, RUNS  # noqa: E402
from resnet_demo.specs import find_model  # noqa: E402

NAMES = (*RECORDINGS, GRADIENTS, BLOCKS)
MACS_PER_SECOND = 9e10  # of training, on the two cores where the lab was written
TABLES: dict[str, Callable[[recorder.Table, Callable[[recorder.Table], None], recorder.Tell], None]] = {
    GRADIENTS: recorder.record_gradients,
    BLOCKS: recorder.record_blocks,
}


def say(text: str) -> None:
    print(text, flush=True)


def make(name: str, folder: Path, args: argparse.Namespace) -> None:
    """Records `name` into `folder`, unless it is there."""
    if name in TABLES:
        path = folder / f"{name}.json"
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() and not args.again else {}
        TABLES[name](known, lambda table: write_atomically(path, json.dumps(table) + "\n"), say)
        return
    path = folder / f"{name}.jsonl"
    if path.is_file() and not args.again:
        return
    write_atomically(path, recorder.record(RECORDINGS[name], args.steps, say))
    say(f"{name} recorded, {path.stat().st_size:,} bytes")


def minutes(name: str) -> float:
    """About how long the recording takes; training costs three forward passes."""
    if name == BLOCKS:
        return 3.0
    if name == GRADIENTS:
        runs = [(model, GRADIENT_STEPS[-1], 128) for model in GRADIENT_NETS.values()]
    else:
        runs = [(RECORDINGS[name].model, RECORDINGS[name].steps, RECORDINGS[name].full_recipe.batch_size)]
    macs = sum(3 * layer_table(find_model(model), (1, 28, 28)).total_macs * n * batch for model, n, batch in runs)
    return macs / MACS_PER_SECOND / 60 * 1.3


def chosen(words: list[str]) -> list[str]:
    """The recordings that are meant: all, or those of the names and lessons given."""
    return [name for name in NAMES if not words or name in words or name.split("-")[0] in words]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="default: all that --list shows")
    parser.add_argument("--work", type=Path, default=RUNS, help=f"where to (default: {RUNS.relative_to(ROOT)})")
    parser.add_argument("--again", action="store_true", help="also what is there already")
    parser.add_argument("--steps", type=int, help="shorter runs, for a trial; needs --work")
    parser.add_argument("--list", action="store_true", help="only show the names, with about the minutes each takes")
    args = parser.parse_args()
    if args.steps and args.work == RUNS:
        parser.error("--steps makes trials, which do not ship: say --work DIR")
    if unknown := [word for word in args.names if not chosen([word])]:
        parser.error(f"there is no {', '.join(unknown)}; --list shows what there is")
    names = chosen(args.names)
    if args.list:
        for name in names:
            say(f"{minutes(name):5.1f} min  {name}")
        say(f"{sum(map(minutes, names)):5.0f} min  all {len(names)}")
        return
    args.work.mkdir(parents=True, exist_ok=True)
    for name in names:
        make(name, args.work, args)


if __name__ == "__main__":
    main()
