"""The command line: the same verbs as the tabs. `--json` puts machine-readable values on stdout, all else on stderr.

Exit code 0, 2 for a bad request, 1 for a failure; errors are one line on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from . import arguments
from .errors import BadRequest, LabError

if TYPE_CHECKING:
    from .distributed import World
    from .events import TrainEvent
    from .runs.store import Run


class Parser(argparse.ArgumentParser):
    """Says what was wrong in one line, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}. Try {self.prog} --help.\n")


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="resnet_demo", description="ResNet Lab: look into residual networks, train them, classify with them."
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, (run, text, add) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--json", action="store_true", help="machine-readable output on stdout")
        add(command)
        command.set_defaults(run=run)
    return parser


def _version() -> str:
    from . import __version__

    return f"ResNet Lab {__version__}"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except LabError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("Stopped.", 1)
    except BrokenPipeError:
        # The reader has gone; without this the interpreter would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(f"A file could not be used: {error.strerror or error} ({error.filename}).", 1)
    except Exception as error:  # the last line of defence: a sentence instead of a traceback
        if os.environ.get("RESNET_DEMO_DEBUG"):
            raise
        return _fail(
            f"Something went wrong: {type(error).__name__}: {error}. RESNET_DEMO_DEBUG=1 shows the details.", 1
        )


def _fail(sentence: str, code: int) -> int:
    print(" ".join(sentence.split()), file=sys.stderr)
    return code


def _say(args: argparse.Namespace, value: Any, lines: Callable[[], Iterable[str]]) -> None:
    if args.json:
        print(json.dumps(value))
    else:
        print("\n".join(lines()))


def _progress(what: str, share: float | None) -> None:
    if sys.stderr.isatty():
        print(
            f"\r{what}{'' if share is None else f' {share:.0%}'}".ljust(60),
            end="" if share != 1 else "\n",
            file=sys.stderr,
        )


def models(args: argparse.Namespace) -> None:
    from . import verbs

    rows = verbs.models()
    line = "{name:16} {depth:>5} {params:>12,} {macs:>16,}  {source}".format
    _say(
        args,
        rows,
        lambda: ("name             depth   parameters             MACs  source", *(line(**row) for row in rows)),
    )


def layers(args: argparse.Namespace) -> None:
    from . import verbs

    table = verbs.layers(args.model, verbs.parse_input(args.input) if args.input else None, args.classes)

    def lines() -> Iterator[str]:
        for row in table["rows"]:
            shape = "x".join(map(str, row["output_shape"]))
            yield f"{row['name']:28} {row['type']:18} {shape:>14} {row['params']:>12,} {row['macs']:>16,}"
        yield f"{'total':28} {'':18} {'':>14} {table['total_params']:>12,} {table['total_macs']:>16,}"

    _say(args, table, lines)


def datasets(args: argparse.Namespace) -> None:
    from . import verbs

    rows = verbs.datasets()
    _say(
        args, rows, lambda: (f"{row['name']:20} {row['train']:>6,} + {row['test']:>6,}  {row['where']}" for row in rows)
    )


def runs(args: argparse.Namespace) -> None:
    from . import verbs

    rows = verbs.runs()

    def lines() -> Iterator[str]:
        for row in rows:
            best = "" if row["best_accuracy"] is None else f"{row['best_accuracy']:.3f}"
            yield f"{row['id']:40} {row['status']:12} {row['model']:16} {row['dataset']:20} {best:>6}"
        if not rows:
            yield "There are no runs yet. Start one with: python -m resnet_demo train"

    _say(args, rows, lines)


def evaluate(args: argparse.Namespace) -> None:
    from . import verbs

    result = verbs.evaluate(
        args.checkpoint, args.dataset, args.data, pictures=args.pictures, model=args.model, progress=_progress
    )

    def lines() -> Iterator[str]:
        yield f"{result['accuracy']:.4f} of {result['n']:,} pictures of {result['dataset']}"
        for row in result["per_class"]:
            yield f"{row['class']:20} {row['correct']:>6,} of {row['n']:>6,}  {row['accuracy']:.4f}"

    _say(args, result, lines)


def classify(args: argparse.Namespace) -> None:
    from . import verbs

    results = verbs.classify(args.image, args.checkpoint, args.top, args.dataset, args.model, _progress)

    def lines() -> Iterator[str]:
        for result in results:
            answers = ", ".join(f"{row['class']} {row['probability']:.1%}" for row in result["top"])
            yield f"{result['image']}: {answers}"

    _say(args, results, lines)


def publish(args: argparse.Namespace) -> None:
    from . import verbs

    result = verbs.publish(
        args.checkpoint, args.repo, private=args.private, dataset=args.dataset, model=args.model, progress=_progress
    )
    _say(args, result, lambda: iter([f"Published: {result['url']}"]))


def train(args: argparse.Namespace) -> int:
    """Trains in this process, or as one of several that torchrun started.

    Ctrl+C ends the run after the step in hand and keeps its weights.
    """
    from .system import prepare_to_train

    prepare_to_train()
    from .distributed import join
    from .runs.together import follow, in_step

    world = join()
    if world.is_first:
        return in_step(world, lambda: _train(args, world))
    with _stop_on_signal(True):  # the first process decides
        return in_step(world, lambda: follow(world))


def _train(args: argparse.Namespace, world: World) -> int:
    from .runs.execute import execute

    run = _resumed(args) if args.resume else _created(args)
    tell = _tell_json if args.json else _tell
    last = None
    with _stop_on_signal(world.size > 1) as should_stop:
        for event in execute(run, should_stop=should_stop, resume=bool(args.resume), world=world):
            tell(event)
            last = event
    reported = world.reported()
    if reported and reported[0] != world.rank:
        return reported[2]
    message = getattr(last, "message", None)
    if message:
        return _fail(message, 1)
    return 0


def _created(args: argparse.Namespace) -> Run:
    from . import verbs
    from .home import runs_dir
    from .runs.store import Run, RunStore

    config = verbs.run_config(
        args.model, args.dataset, args.recipe, seconds=args.seconds, epochs=args.epochs, max_steps=args.max_steps,
        batch_size=args.batch_size, lr=args.lr, augment=args.augment, seed=args.seed, data=args.data,
        parent=args.parent,
    )  # fmt: skip
    run = Run.create(Path(args.out), config) if args.out else RunStore(runs_dir()).create(config)
    print(f"Run {run.id} in {run.path}", file=sys.stderr)
    return run


def _resumed(args: argparse.Namespace) -> Run:
    from .runs.store import Run

    run = Run(Path(args.resume))
    if not run.exists:
        raise BadRequest(what=f"There is no run in {args.resume}: give the folder that holds its config.json.")
    return run


@contextmanager
def _stop_on_signal(is_one_of_several: bool = False) -> Iterator[Callable[[], bool]]:
    """The first Ctrl+C (or SIGTERM) asks the run to stop; the second interrupts as usual.

    One of several processes waits for the others however often it is asked: torchrun passes on what they all got.
    """
    asked: list[int] = []

    def ask(number: int, frame: object) -> None:
        asked.append(number)
        if is_one_of_several:
            return
        print("Stopping after this step.", file=sys.stderr)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_json(event: TrainEvent) -> None:
    print(event.to_json(), flush=True)


def _tell(event: TrainEvent) -> None:
    values = event.as_dict()
    if event.event == "run_started":
        print(
            f"{values['model']} on {values['dataset']}: {values['train_images']:,} training pictures. {values['note']}"
        )
    elif event.event == "validation":
        print(
            f"step {values['step']:>6}  {values['seconds']:>7.1f} s  "
            f"validation loss {values['loss']:.4f}  accuracy {values['accuracy']:.4f}", flush=True,
        )  # fmt: skip
    elif event.event == "run_finished":
        print(_ending(values))


def _ending(values: dict[str, Any]) -> str:
    how = f"{values['stop_reason']}: {values['step']} steps in {values['seconds']:.1f} s"
    how += f", {values['images_per_second']:.0f} images/s"
    if values["test_accuracy"] is not None:
        how += f"; test accuracy {values['test_accuracy']:.4f}"
    how += f"; weights in {values['checkpoint']}" if values["checkpoint"] else ""
    if values["unhindered"]:
        how += f". Other work on this machine slowed it: {values['unhindered']:.0f} images/s were to be had"
    return how


Command = tuple[Callable[[argparse.Namespace], "int | None"], str, Callable[[argparse.ArgumentParser], None]]
COMMANDS: dict[str, Command] = {
    "models": (models, "list every network with its depth, parameters and cost", arguments.none),
    "layers": (layers, "list a network's layers in the order data meets them", arguments.layers),
    "datasets": (datasets, "list the data sets and where they are", arguments.none),
    "train": (train, "train a network", arguments.train),
    "evaluate": (evaluate, "test a checkpoint, class by class", arguments.evaluate),
    "classify": (classify, "classify pictures", arguments.classify),
    "runs": (runs, "list the runs of this home", arguments.none),
    "publish": (publish, "put a checkpoint on the Hugging Face Hub; the token is HF_TOKEN's", arguments.publish),
}  # fmt: skip
