"""Serves the page: on a server of the lab's own or, on a Space and for a public link, by Gradio's launch."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from . import LARGEST_REQUEST, build_app, launch_options
from .body_limit import BodyLimit
from .door import Believing, Health, NoForeigners, SubPath
from .imported import sweep
from .page import Lab
from .sign_in import Gate, SignIn
from .who import is_crowd

HERE = ("127.0.0.1", "localhost", "::1")
EVERYWHERE = {"0.0.0.0": "localhost", "::": "localhost", "": "localhost"}
FIRST_PORT, PORTS = 7860, 100
SAVING_SECONDS = 20.0  # that runs in training get to save when the server is asked to end
ANSWERING_SECONDS = 3  # that answers under way get
ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP") if hasattr(signal, name)]


@dataclass(frozen=True)
class Serving:
    """Where and to whom the page is served. `port` None is the first free one. `proxies` are the addresses whose
    X-Forwarded-* headers are believed; `origins` are addresses besides its own whose pages may talk to the lab."""

    host: str = HERE[0]
    port: int | None = None
    root_path: str = ""
    origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = (HERE[0], HERE[2])
    tls_cert: str | None = None
    tls_key: str | None = None
    class_code: str = field(default="", repr=False)

    @property
    def scheme(self) -> str:
        return "https" if self.tls_cert else "http"

    def address(self, port: int) -> str:
        """What a browser on this machine is given."""
        host = EVERYWHERE.get(self.host, self.host)
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{port}{self.root_path}"


def serving_from(options: Any, environment: Mapping[str, str] = os.environ) -> Serving:
    """What the command line and, where it says nothing, GRADIO_SERVER_NAME, GRADIO_SERVER_PORT (the first port that is
    tried), GRADIO_ROOT_PATH and uvicorn's FORWARDED_ALLOW_IPS ask for."""
    proxies = options.proxy or (environment.get("FORWARDED_ALLOW_IPS") or "").split(",")
    chosen = options.root_path if options.root_path is not None else environment.get("GRADIO_ROOT_PATH", "")
    root_path = urlsplit(chosen).path.strip("/")
    return Serving(
        host=(options.host or environment.get("GRADIO_SERVER_NAME") or HERE[0]).strip("[]"),
        port=options.port,
        root_path=f"/{root_path}" if root_path else "",
        origins=tuple(origin.rstrip("/") for origin in options.origin or ()),
        proxies=tuple(name.strip() for name in proxies if name.strip()) or Serving.proxies,
        tls_cert=options.tls_cert,
        tls_key=options.tls_key,
        class_code=options.class_code or "",
    )


def web_app(lab: Lab, demo: gr.Blocks, serving: Serving, health: Health | None = None) -> FastAPI:
    """The page on a server of its own, everything that stands before it included."""
    options = launch_options()
    demo.state_session_capacity = options.pop("state_session_capacity")
    sign_in = SignIn(serving.class_code, serving.root_path) if serving.class_code else None
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_api_route("/healthz", health or Health(lab.scheduler), methods=["GET"])
    if sign_in:
        sign_in.add_to(app)
        app.add_middleware(Gate, sign_in=sign_in)
        options["auth_dependency"] = sign_in.name_of
    app.add_middleware(BodyLimit, most_bytes=LARGEST_REQUEST)
    is_alone = serving.host in HERE and not is_crowd(lab)
    app.add_middleware(NoForeigners, origins=serving.origins, is_alone=is_alone)
    app.add_middleware(CORSMiddleware, allow_origins=serving.origins, allow_methods=["*"], allow_headers=["*"])
    if serving.root_path:
        app.add_middleware(SubPath, root_path=serving.root_path)
    app.add_middleware(Believing, proxies=serving.proxies)  # the last one added stands in front
    with warnings.catch_warnings():  # of a page in several languages it says that it cannot do what was not asked for
        warnings.filterwarnings("ignore", "SSR mode is not supported")
        return gr.mount_gradio_app(app, demo, "/", root_path=serving.root_path or None, **options)


def run(lab: Lab, serving: Serving, share: bool | None = None) -> int:
    """Serves the lab the way it has to be here, until it is asked to end; the exit code."""
    sweep(lab.root)
    try:
        return launch(lab, serving, share) if is_plain_launch(share) else serve(lab, serving)
    except OSError as error:
        print(f"The lab cannot be served: {error}.", file=sys.stderr)
        return 1


def serve(lab: Lab, serving: Serving) -> int:
    """Serves until the system or Ctrl-C asks for the end; the exit code.

    Then nobody is let in any more, runs in training are saved, to go on when the lab opens again, and what the server
    started and wrote for the moment is gone.
    """
    ending = _when_asked_to_end()
    with passing_uploads():
        health, listener = Health(lab.scheduler), listen(serving)
        app = web_app(lab, build_app(lab), serving, health)
        server = uvicorn.Server(_config(app, serving))
        thread = threading.Thread(target=server.run, args=([listener],), name="server", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            thread.join(0.02)
        if server.started:
            _tell(serving.address(listener.getsockname()[1]), serving.class_code)
        while not ending.wait(0.5) and thread.is_alive():
            pass
        code = 0 if ending.is_set() else 1
        health.is_ending = server.should_exit = True
        lab.scheduler.close(SAVING_SECONDS)
        thread.join(ANSWERING_SECONDS + 5)
    if thread.is_alive():
        sys.stdout.flush()
        os._exit(code)
    return code


def _when_asked_to_end() -> threading.Event:
    """Set by the system or by Ctrl-C; the second time ends everything at once."""
    ending = threading.Event()

    def end(*_: Any) -> None:
        if ending.is_set():
            os._exit(1)
        ending.set()

    for name in ENDINGS:
        if signal.getsignal(name) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(name, end)
    return ending


def _tell(address: str, code: str) -> None:
    print(f"* Running on local URL:  {address}", flush=True)
    if code:
        print(f"* For the class:  {address}/?code={quote(code)}", flush=True)


def _config(app: FastAPI, serving: Serving) -> uvicorn.Config:
    return uvicorn.Config(
        app, log_level="warning", proxy_headers=False, server_header=False, lifespan="on",
        timeout_graceful_shutdown=ANSWERING_SECONDS, ssl_certfile=serving.tls_cert, ssl_keyfile=serving.tls_key,
    )  # fmt: skip


def listen(serving: Serving) -> socket.socket:
    """The port, taken: the one asked for, or the first free one from GRADIO_SERVER_PORT or 7860.

    Raises: OSError if it is taken, or all are.
    """
    first = int(os.environ.get("GRADIO_SERVER_PORT") or FIRST_PORT)
    count = int(os.environ.get("GRADIO_NUM_PORTS") or PORTS)
    ports = [serving.port] if serving.port is not None else range(first, first + count)
    for port in ports:
        with contextlib.suppress(OSError):
            return _bound(serving.host, port)
    tried = f"{ports[0]}" if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"
    raise OSError(f"nothing can listen on {serving.host}, port {tried}: it is taken, or not an address of this machine")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    listener = socket.socket(family, kind)
    try:
        if os.name != "nt":  # there it would let two servers have the same port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError:
        listener.close()
        raise
    return listener


@contextlib.contextmanager
def passing_uploads() -> Iterator[None]:
    """A folder for uploads that nobody else reads and that goes with the server, unless GRADIO_TEMP_DIR names one."""
    if os.environ.get("GRADIO_TEMP_DIR"):
        yield
        return
    folder = tempfile.mkdtemp(prefix="resnet-lab-")
    os.environ["GRADIO_TEMP_DIR"] = folder
    try:
        yield
    finally:
        os.environ.pop("GRADIO_TEMP_DIR", None)
        shutil.rmtree(folder, ignore_errors=True)


def launch(lab: Lab, serving: Serving, share: bool | None) -> int:
    """Gradio's own launch, as a Space and a public link need it; with a class code its sign-in page asks for it."""
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # Gradio ends in order on Ctrl-C alone
    options = launch_options()
    if serving.class_code:
        sign_in = SignIn(serving.class_code)
        options["auth"] = lambda name, code: _is_let_in(sign_in, name, code)
    demo = build_app(lab)
    demo.launch(
        server_name=serving.host, server_port=serving.port, share=share,
        root_path=None if os.environ.get("GRADIO_ROOT_PATH") else serving.root_path or None,
        ssl_certfile=serving.tls_cert, ssl_keyfile=serving.tls_key, **options,
    )  # fmt: skip
    lab.scheduler.close(SAVING_SECONDS)
    return 0


def _is_let_in(sign_in: SignIn, name: str, code: str) -> bool:
    """Gradio does not say who asks, so wrong codes cannot be counted: whoever counted all would shut out the class."""
    return bool(name.strip()) and sign_in.is_right(code)


def is_plain_launch(share: bool | None) -> bool:
    """Whether Gradio has to serve: a Space reports its start from its launch, and a public link is made there."""
    return bool(os.environ.get("SPACE_ID") or share or os.environ.get("GRADIO_SHARE", "").lower() == "true")
