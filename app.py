"""Starts ResNet Lab: `python app.py`, or this folder as a Hugging Face Space."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnet_demo.runs.classroom import Classroom

HERE = ("127.0.0.1", "localhost", "::1")
MADE_UP = "a new one"
EPILOG = """GRADIO_SERVER_NAME, GRADIO_SERVER_PORT (the first port that is tried), GRADIO_NUM_PORTS, GRADIO_ROOT_PATH,
GRADIO_SHARE and GRADIO_TEMP_DIR work too; options win over them. docs/CLASSROOM.md tells how to run it for a class."""


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options, which win over environment variables."""
    parser = argparse.ArgumentParser(description="ResNet Lab in the browser.", epilog=EPILOG)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, or GRADIO_SERVER_NAME)")
    parser.add_argument("--port", type=int, help="port to listen on (default: the first free one from 7860)")
    parser.add_argument(
        "--share", action="store_true", default=None, help="open a public link through Gradio's servers"
    )
    parser.add_argument(
        "--data-home", help="folder for data sets and runs (default: RESNET_DEMO_HOME, or the user's data folder)"
    )
    _add_limits(parser.add_argument_group("limits"))
    _add_lesson(parser.add_argument_group("a lesson"))
    _add_network(parser.add_argument_group("behind a proxy, and TLS"))
    options = parser.parse_args(arguments)
    options.class_code = options.class_code or os.environ.get("RESNET_DEMO_CLASS_CODE") or None
    _check(parser, options)
    return options


def _add_limits(limits: argparse._ArgumentGroup) -> None:
    limits.add_argument(
        "--keep-runs", type=int, default=200, metavar="N",
        help="runs that are kept; named ones and everybody's newest stay (default: 200; 0: all)",
    )  # fmt: skip
    limits.add_argument(
        "--disk-gb", type=float, default=10.0, metavar="GB",
        help="room for all runs: old ones go, and when that is not enough no new one begins (default: 10; 0: all)",
    )  # fmt: skip
    limits.add_argument(
        "--longest-run", type=float, metavar="SECONDS",
        help="the longest training that is let in (default: a lesson's turn; 1800 if others reach the lab; else any)",
    )  # fmt: skip
    limits.add_argument("--line", type=int, metavar="N", help="runs that may wait (default: 64, or one a person)")


def _add_lesson(lesson: argparse._ArgumentGroup) -> None:
    lesson.add_argument(
        "--class", type=int, dest="people", metavar="N", help="N people share the lab, and each gets a turn"
    )
    lesson.add_argument("--minutes", type=float, metavar="M", help="length of the lesson (default: 45)")
    lesson.add_argument(
        "--class-code", nargs="?", const=MADE_UP, metavar="CODE",
        help="who comes in says this code and a name; without CODE one is made up and printed (default: "
        "RESNET_DEMO_CLASS_CODE, or none: everybody comes in)",
    )  # fmt: skip
    lesson.add_argument(
        "--teacher-token", metavar="T",
        help="who knows it may stop, rename and delete any run, and train for longer (default: "
        "RESNET_DEMO_TEACHER_TOKEN; in a lesson one is made up and printed)",
    )  # fmt: skip


def _add_network(network: argparse._ArgumentGroup) -> None:
    network.add_argument("--root-path", metavar="PATH", help="serve below this part of the address, such as /lab")
    network.add_argument(
        "--proxy", action="append", metavar="ADDRESS",
        help="a proxy (address or network) whose X-Forwarded-* headers are believed; may be given again (default: "
        "FORWARDED_ALLOW_IPS, or this machine)",
    )  # fmt: skip
    network.add_argument(
        "--origin", action="append", metavar="URL",
        help="https://host of other pages that may talk to the lab, or of a proxy that hides its own name; may be "
        "given again (default: the lab's own pages only)",
    )  # fmt: skip
    network.add_argument("--tls-cert", metavar="FILE", help="certificate (PEM) to serve https with")
    network.add_argument("--tls-key", metavar="FILE", help="its key (PEM)")


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.people is not None and not 1 <= options.people <= 1000:
        parser.error("--class must be 1 to 1000 people")
    if options.keep_runs < 0 or not 0 <= options.disk_gb < 1e9:
        parser.error("--keep-runs and --disk-gb must be 0 (all) or more")
    if options.longest_run is not None and not 1 <= options.longest_run <= 1e7:
        parser.error("--longest-run must be 1 second or more")
    if options.line is not None and options.line < 0:
        parser.error("--line must be 0 or more")
    if options.minutes is not None and not 1 <= options.minutes <= 1440:
        parser.error("--minutes must be 1 to 1440")
    if options.minutes is not None and options.people is None:
        parser.error("--minutes needs --class: how many people share them?")
    if options.class_code not in (None, MADE_UP) and sum(map(str.isalnum, options.class_code)) < 6:
        parser.error("--class-code must have 6 letters or digits, or more")
    if bool(options.tls_cert) != bool(options.tls_key):
        parser.error("--tls-cert and --tls-key belong together")
    for file in filter(None, (options.tls_cert, options.tls_key)):
        if not Path(file).is_file():
            parser.error(f"there is no file {file}")


def classroom(options: argparse.Namespace) -> Classroom:
    """What the lab allows: everything to somebody alone, turns to a class, one run at a time to visitors."""
    from resnet_demo.runs.classroom import Classroom, make_code

    people, token = options.people or 0, options.teacher_token or os.environ.get("RESNET_DEMO_TEACHER_TOKEN")
    if people and not token:
        token = secrets.token_urlsafe(9)
        print(f"Teacher's token: {token}", flush=True)
    if options.class_code == MADE_UP:
        options.class_code = make_code()
        print(f"Class code: {options.class_code}", flush=True)
    host = options.host or os.environ.get("GRADIO_SERVER_NAME") or HERE[0]
    said = (options.class_code, options.root_path, options.origin, options.proxy)
    has_visitors = any(said) or any(map(os.environ.get, ("GRADIO_ROOT_PATH", "FORWARDED_ALLOW_IPS")))
    is_public = os.environ.get("SPACE_ID") or options.share or os.environ.get("GRADIO_SHARE", "").lower() == "true"
    return Classroom(
        people, (options.minutes or 45.0) if people else 0.0,
        is_shared=host not in HERE or has_visitors, is_public=bool(is_public) and not options.class_code,
        teacher_token=token or None, keep_runs=options.keep_runs, disk_gb=options.disk_gb,
        longest_run=options.longest_run, longest_line=options.line,
    )  # fmt: skip


def main() -> int:
    options = parse_arguments()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded: its threads wait without spinning
    if options.data_home:
        os.environ["RESNET_DEMO_HOME"] = options.data_home
    with contextlib.suppress(ImportError):
        import spaces  # noqa: F401  (on ZeroGPU it must come before torch)
    from resnet_demo.ui import open_lab, serve

    room = classroom(options)
    return serve.run(open_lab(classroom=room), serve.serving_from(options), options.share)


if __name__ == "__main__":
    sys.exit(main())
