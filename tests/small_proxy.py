"""A plain reverse proxy, as nginx or Caddy is set up in front of a lab: TLS here, a sub-path, HTTP behind."""

from __future__ import annotations

import http.client
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CERTIFICATE = Path(__file__).with_name("worthless_certificate.pem")  # with its key: for tests on this machine alone
HOP_BY_HOP = ("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host", "content-length")


class Proxy(ThreadingHTTPServer):
    """Serves what lies behind `root_path` of the server at `port`; `strips` that part from the address, as nginx does
    with a slash after proxy_pass, or leaves it there."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int, root_path: str = "", *, strips: bool = True, tls: bool = True) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.root_path, self.strips, self.scheme = port, root_path, strips, "https" if tls else "http"
        self.seen: list[str] = []
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_port}{self.root_path}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Browsers go away in the middle of things: that is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Proxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        pass

    def _pass_on(self) -> None:
        root = self.server.root_path
        self.server.seen.append(f"{self.command} {self.path}")
        self.close_connection = True
        if root and not self.path.startswith(f"{root}/"):
            return self.send_error(404)
        path = self.path[len(root) :] if self.server.strips else self.path
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
        headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
        headers |= {
            "Host": f"127.0.0.1:{self.server.behind}", "X-Forwarded-Host": self.headers["Host"], "Connection": "close",
            "X-Forwarded-Proto": self.server.scheme, "X-Forwarded-For": self.client_address[0],
        }  # fmt: skip
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=120)
        behind.request(self.command, path, body, headers)
        answer = behind.getresponse()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        while piece := answer.read1(65536):  # as it comes: a stream of events is never whole
            self.wfile.write(piece)
            self.wfile.flush()
        behind.close()

    do_GET = do_POST = do_HEAD = do_OPTIONS = do_DELETE = do_PUT = _pass_on
