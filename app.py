"""Starts ResNet Lab: `python app.py`, or this folder as a Hugging Face Space."""

from __future__ import annotations

import argparse
import contextlib
import os


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
    return parser.parse_args(arguments)


def main() -> None:
    options = parse_arguments()
    if options.data_home:
        os.environ["RESNET_DEMO_HOME"] = options.data_home
    with contextlib.suppress(ImportError):
        import spaces  # noqa: F401  (on ZeroGPU it must come before torch)
    from resnet_demo.ui import build_app, launch_options

    build_app().launch(server_name=options.host, server_port=options.port, share=options.share, **launch_options())


if __name__ == "__main__":
    main()
