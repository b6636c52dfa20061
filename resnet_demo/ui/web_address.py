"""A picture from a web address: only http and https, only public machines at every redirect, 10 MB and 10 s at most."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import httpx
from safehttpx import AsyncSecureTransport, async_validate_url

from ..errors import PictureRefused

MOST_BYTES, MOST_SECONDS, MOST_REDIRECTS = 10 * 2**20, 10.0, 5
LONGEST_SHOWN = 80
HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "resnet-demo"}

Verify = Callable[[str], Awaitable[str]]
Transport = Callable[[str], httpx.AsyncBaseTransport]


def fetch(address: str, *, verify: Verify = async_validate_url, transport: Transport = AsyncSecureTransport) -> bytes:
    """What is at `address`, as bytes that nobody has looked at yet.

    `verify` turns a host's name into a public IP address or raises ValueError, and `transport` connects to that one
    only: whatever the name means a moment later, the request goes where it was allowed to.
    Raises: PictureRefused.
    """
    shown = _shown(address)
    try:
        coming = asyncio.wait_for(_fetched(address.strip(), shown, verify, transport), MOST_SECONDS)
        with ThreadPoolExecutor(1) as apart:  # a loop of its own, whatever loop the caller's thread may have
            return apart.submit(asyncio.run, coming).result()
    except (TimeoutError, asyncio.TimeoutError, httpx.TimeoutException):
        raise PictureRefused(picture=shown, why=f"it did not arrive in {MOST_SECONDS:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError, OSError) as error:
        raise PictureRefused(picture=shown, why="the address cannot be reached") from error


def _shown(address: str) -> str:
    """The host and the last part of the path: an address may hold a password or a token."""
    try:
        url = httpx.URL(address.strip())
        return f"{url.host} {PurePosixPath(url.path).name}".strip()[:LONGEST_SHOWN] or "This address"
    except (httpx.InvalidURL, UnicodeError, ValueError):
        return "This address"


async def _fetched(address: str, shown: str, verify: Verify, transport: Transport) -> bytes:
    url = httpx.URL(address)
    for _ in range(MOST_REDIRECTS + 1):
        ip = await _allowed(url, shown, verify)
        async with httpx.AsyncClient(transport=transport(ip), timeout=MOST_SECONDS, trust_env=False) as client:
            async with client.stream("GET", url, headers=HEADERS, follow_redirects=False) as response:
                if not response.has_redirect_location:
                    return await _body(response, shown)
                url = url.join(response.headers["location"])
    raise PictureRefused(picture=shown, why=f"it is redirected more than {MOST_REDIRECTS} times")


async def _allowed(url: httpx.URL, shown: str, verify: Verify) -> str:
    if url.scheme not in ("http", "https") or not url.host:
        raise PictureRefused(picture=shown, why="only addresses that begin with http:// or https:// are taken")
    if url.userinfo:
        raise PictureRefused(picture=shown, why="an address with a name and password is not taken")
    try:
        ip = await verify(url.host)
        address = ipaddress.ip_address(ip)
    except ValueError:
        address = None
    mapped = getattr(address, "ipv4_mapped", None)
    if address is None or not (mapped or address).is_global:
        raise PictureRefused(picture=shown, why="it leads to no public machine")
    return ip


async def _body(response: httpx.Response, shown: str) -> bytes:
    if response.status_code != 200:
        raise PictureRefused(picture=shown, why=f"the server answered {response.status_code}")
    announced = response.headers.get("content-length", "")
    data = bytearray()
    if not (announced.isdigit() and int(announced) > MOST_BYTES):
        async for chunk in response.aiter_raw():
            data += chunk
            if len(data) > MOST_BYTES:
                break
        else:
            return bytes(data)
    raise PictureRefused(picture=shown, why=f"it is larger than {MOST_BYTES // 2**20} MB")
