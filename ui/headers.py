"""What every answer to a browser carries, and which hosts and bodies are let in."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers as RequestHeaders
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY = 64 * 1024
LOCAL_ORIGINS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?"
FRAME_ANCESTORS = ("'self'", "http://localhost:*", "http://127.0.0.1:*")

# Gradio's own page needs inline scripts and styles, and nothing from elsewhere.
POLICY = {
    "default-src": "'none'",
    "script-src": "'self' 'unsafe-inline'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "manifest-src": "'self'",
    "form-action": "'none'",
    "base-uri": "'self'",
    "object-src": "'none'",
    "frame-src": "'none'",
}

FIXED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
}

DEMO = "/demo"


def content_policy(sites: Iterable[str], *, path: str = "/") -> str:
    """The Content-Security-Policy of one page; `sites` may frame it, and only the demo page may frame others."""
    frames = {"frame-src": "'self'"} if path == DEMO else {}
    ancestors = {"frame-ancestors": " ".join(tuple(sites) or FRAME_ANCESTORS)}
    return "; ".join(f"{name} {value}" for name, value in {**POLICY, **frames, **ancestors}.items())


class SafeHeaders:
    """Puts the policy and its companions on every response."""

    def __init__(self, app: ASGIApp, sites: Iterable[str]) -> None:
        self.app = app
        self.sites = tuple(sites)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["content-security-policy"] = content_policy(self.sites, path=scope["path"])
                for name, value in FIXED.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers)


class KnownHosts:
    """Turns away requests that name another host: one that reached us under a name of its own choosing is no visitor.

    Known are addresses in digits, localhost, this machine's name, the host served on, and the hosts of `sites`.
    """

    def __init__(self, app: ASGIApp, sites: Iterable[str], host: str = "127.0.0.1") -> None:
        self.app = app
        self.any = "*" in sites
        names = (urlsplit(site).hostname for site in sites if site != "*")
        self.names = {"localhost", host.lower(), socket.gethostname().lower(), *(name for name in names if name)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            host = RequestHeaders(scope=scope).get("host", "")
            if not self._knows(host):
                response = PlainTextResponse(
                    f"This server is not known as {host[:80]!r}. Add its address to KARMALINK_SITES, "
                    "e.g. KARMALINK_SITES=https://chat.example",
                    status_code=400,
                )
                await response(scope, receive, send)
                return
            # Gradio writes a proxy's word on the host into its page; Host has been checked, this has not.
            scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"x-forwarded-host"]}
        await self.app(scope, receive, send)

    def _knows(self, host: str) -> bool:
        if self.any:
            return True
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        return name in self.names or name.endswith(".localhost") or _is_address(name)


def is_local(origin: str) -> bool:
    """Whether an Origin header names this machine."""
    return re.fullmatch(LOCAL_ORIGINS, origin) is not None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
