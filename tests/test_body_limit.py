"""Requests that are too large are refused, whether they say so or not."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from resnet_demo.ui.body_limit import BodyLimit


@pytest.fixture(scope="module")
def client() -> TestClient:
    async def count(request):
        return PlainTextResponse(str(len(await request.body())))

    routes = [Route("/", count, methods=["GET", "POST"])]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(BodyLimit, most_bytes=10)]))


def test_what_fits_comes_through(client):
    assert client.post("/", content=b"1234567890").text == "10"
    assert client.post("/", content=iter([b"12345", b"67890"])).text == "10"
    assert client.get("/").text == "0"


@pytest.mark.parametrize("content", [b"12345678901", lambda: iter([b"123456", b"78901"])], ids=["announced", "chunked"])
def test_what_is_too_large_is_refused(client, content):
    answer = client.post("/", content=content() if callable(content) else content)
    assert answer.status_code == 413 and answer.text == "The request is too large."


def test_what_says_that_it_is_too_large_is_not_read(client):
    assert client.post("/", headers={"content-length": "999000000"}, content=b"").status_code == 413
