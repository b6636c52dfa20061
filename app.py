"""Starts ResNet Lab: `python app.py`, or this folder as a Hugging Face Space."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnet_demo.runs.classroom import Classroom

HERE = ("127.0.0.1", "localhost", "::1")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options, which win over Gradio's own GRADIO_* variables."""
    parser = argparse.ArgumentParser(description="ResNet Lab in the browser.", epilog="GRADIO_* variables work too.")
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1, or GRADIO_SERVER_NAME)")
    parser.add_argument("--port", type=int, help="port to listen on (default: the first free one from 7860)")
    parser.add_argument(
        "--share", action="store_true", default=None, help="open a public link through Gradio's servers"
    )
    parser.add_argument(
        "--data-home", help="folder for data sets and runs (default: RESNET_DEMO_HOME, or the user's data folder)"
    )
    parser.add_argument(
        "--keep-runs", type=int, default=200, metavar="N",
        help="runs that are kept, in 10 GB at most; named ones and everybody's newest stay (default: 200; 0: all)",
    )  # fmt: skip
    lesson = parser.add_argument_group("a lesson")
    lesson.add_argument(
        "--class", type=int, dest="people", metavar="N", help="N people share the lab, and each gets a turn"
    )
    lesson.add_argument("--minutes", type=float, metavar="M", help="length of the lesson (default: 45)")
    lesson.add_argument(
        "--teacher-token", metavar="T",
        help="who knows it may stop, rename and delete any run, and train for longer (default: "
        "RESNET_DEMO_TEACHER_TOKEN; in a lesson one is made up and printed)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    if options.people is not None and not 1 <= options.people <= 1000:
        parser.error("--class must be 1 to 1000 people")
    if options.keep_runs < 0:
        parser.error("--keep-runs must be 0 (all) or more")
    if options.minutes is not None and not 1 <= options.minutes <= 1440:
        parser.error("--minutes must be 1 to 1440")
    if options.minutes is not None and options.people is None:
        parser.error("--minutes needs --class: how many people share them?")


def classroom(options: argparse.Namespace) -> Classroom:
    """What the lab allows: everything to somebody alone, turns to a class, one run at a time to visitors."""
    from resnet_demo.runs.classroom import Classroom

    people, token = options.people or 0, options.teacher_token or os.environ.get("RESNET_DEMO_TEACHER_TOKEN")
    if people and not token:
        token = secrets.token_urlsafe(9)
        print(f"Teacher's token: {token}", flush=True)
    host = options.host or os.environ.get("GRADIO_SERVER_NAME") or HERE[0]
    is_public = bool(os.environ.get("SPACE_ID") or options.share or os.environ.get("GRADIO_SHARE") == "True")
    return Classroom(
        people, (options.minutes or 45.0) if people else 0.0,
        is_shared=host not in HERE, is_public=is_public, teacher_token=token or None,
        keep_runs=options.keep_runs,
    )  # fmt: skip


def main() -> None:
    options = parse_arguments()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is loaded: its threads wait without spinning
    if options.data_home:
        os.environ["RESNET_DEMO_HOME"] = options.data_home
    with contextlib.suppress(ImportError):
        import spaces  # noqa: F401  (on ZeroGPU it must come before torch)
    from resnet_demo.ui import build_app, launch_options, open_lab

    app = build_app(open_lab(classroom=classroom(options)))
    app.launch(server_name=options.host, server_port=options.port, share=options.share, **launch_options())


if __name__ == "__main__":
    main()
