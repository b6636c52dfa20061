"""Pictures from addresses, against a stand-in for the network: what is fetched, and all that is not."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from made_pictures import picture

from resnet_demo.errors import PictureRefused
from resnet_demo.ui import web_address
from resnet_demo.ui.web_address import fetch

PUBLIC = "93.184.216.34"
HOSTS = {"photos.example": PUBLIC, "other.example": "1.1.1.1", "inside.example": "10.0.0.7", "meta": "169.254.169.254",
         "shared.example": "100.64.0.1", "six.example": "::1", "mapped.example": "::ffff:127.0.0.1"}  # fmt: skip
GOOD = picture(kind="JPEG")


async def verify(host: str) -> str:
    return HOSTS.get(host, host)


def answered(pages: dict[str, httpx.Response], asked: list[str] | None = None):
    """A transport that knows these addresses, whatever the IP address that it was made for."""

    def handle(request: httpx.Request) -> httpx.Response:
        if asked is not None:
            asked.append(str(request.url))
        return pages.get(str(request.url)) or httpx.Response(404)

    return {"verify": verify, "transport": lambda ip: httpx.MockTransport(handle)}


def sent(data: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(data))


def redirect(to: str) -> httpx.Response:
    return httpx.Response(302, headers={"location": to})


def test_a_picture_arrives_through_redirects():
    pages = {"https://photos.example/a": redirect("/b.jpg"), "https://photos.example/b.jpg": redirect("http://other.example/c"),
             "http://other.example/c": sent(GOOD)}  # fmt: skip
    assert fetch(" https://photos.example/a ", **answered(pages)) == GOOD


@pytest.mark.parametrize("address", [
    "file:///etc/passwd", "ftp://photos.example/a", "javascript:alert(1)", "data:image/png;base64,AAAA",
    "//photos.example/a",
    "photos.example/a", "", "http://", "http://user:secret@photos.example/a", "http://[::1", "http://exa mple/\x00", "gopher://x",
])  # fmt: skip
def test_only_http_and_https(address):
    asked: list[str] = []
    with pytest.raises(PictureRefused) as caught:
        fetch(address, **answered({}, asked))
    assert not asked and "secret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("host", [
    "inside.example", "meta", "shared.example", "six.example", "mapped.example", "127.0.0.1", "0.0.0.0", "192.168.1.1",
    "[::1]", "10.1.2.3", "localhost",
])  # fmt: skip
@pytest.mark.parametrize("is_redirect", [False, True])
def test_no_private_machine_at_any_redirect(host, is_redirect):
    asked: list[str] = []
    inside = f"http://{host}/secret"
    network = answered({"http://photos.example/a": redirect(inside), inside: sent(GOOD)}, asked)
    with pytest.raises(PictureRefused, match="no public machine"):
        fetch("http://photos.example/a" if is_redirect else inside, **network)
    assert inside not in asked


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1/", "http://localhost:7860/", "http://[::1]/", "http://0.0.0.0/", "http://2130706433/"],
)
def test_the_real_verifier_lets_none_of_these_through(address, monkeypatch):
    import safehttpx

    async def nobody(host: str) -> list[str]:
        return []

    monkeypatch.setattr(safehttpx, "async_resolve_hostname_google", nobody)
    with pytest.raises(PictureRefused, match="no public machine"):
        fetch(address)


def test_size_time_and_other_answers(monkeypatch):
    large = bytes(web_address.MOST_BYTES + 1)
    pages = {"http://photos.example/large": sent(large),
             "http://photos.example/loop": redirect("/loop")}  # fmt: skip
    for name, why in (("large", "larger than 10 MB"), ("gone", "answered 404"), ("loop", "redirected more than 5")):
        with pytest.raises(PictureRefused, match=why):
            fetch(f"http://photos.example/{name}", **answered(pages))

    async def slow(host: str) -> str:
        await asyncio.sleep(5)
        return PUBLIC

    monkeypatch.setattr(web_address, "MOST_SECONDS", 0.2)
    with pytest.raises(PictureRefused, match="did not arrive"):
        fetch("http://photos.example/a", **{**answered({}), "verify": slow})
