"""Who asks, known by a token we signed, and how much each may ask."""

from __future__ import annotations

import ipaddress
import math
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer
from limits import RateLimitItem, parse_many
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from ui.sorry import Sorry

COOKIE = "visitor"
HEADER = "x-visitor"
TOKEN_SECONDS = 2 * 24 * 3600
# Where limits are counted when several servers share them; the name that `limits` and its users know.
STORAGE = "RATELIMIT_STORAGE_URI"
# Several visitors may share one address: a school, a cinema's foyer.
ADDRESS_SHARE = 5


class Visitors:
    """Hands out visitor tokens and knows them again; a visitor cannot pick their own."""

    def __init__(self, secret: str) -> None:
        self._signer = URLSafeTimedSerializer(secret, salt="visitor")

    def issue(self) -> str:
        return str(self._signer.dumps(secrets.token_urlsafe(9)))

    def known(self, token: str | None) -> str | None:
        """The visitor behind a token, or None where it was not ours or has grown old."""
        if not token:
            return None
        try:
            return str(self._signer.loads(token, max_age=TOKEN_SECONDS))
        except BadSignature:
            return None


def load_secret(path: Path) -> str:
    """The signing key kept in `path`, made on first use; one for this process alone where nothing can be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except OSError:
        # Already there, or a folder that cannot be written.
        pass
    try:
        return path.read_text() or secrets.token_hex(32)
    except OSError:
        return secrets.token_hex(32)


class Refused(Sorry):
    """One limit is used up; `seconds` until it allows a question again."""

    status = 429

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        wait = f"{seconds} seconds" if seconds < 120 else f"about {math.ceil(seconds / 60)} minutes"
        super().__init__(f"That was a lot of questions in a short while. Please wait {wait} and ask again.")


class Limits:
    """Counts questions by visitor and by address. Thread-safe; raises Refused."""

    def __init__(self, spec: str, storage: str | None = None) -> None:
        self._items: tuple[RateLimitItem, ...] = () if spec == "off" else tuple(parse_many(spec))
        self._shared = tuple(type(item)(item.amount * ADDRESS_SHARE, item.multiples) for item in self._items)
        self._limiter = MovingWindowRateLimiter(storage_from_string(storage or os.environ.get(STORAGE) or "memory://"))

    def spend(self, visitor: str | None, address: str, kind: str = "ask") -> None:
        """Count one question. Without a token of ours the address stands for the visitor."""
        place = _network(address)
        counts = [(self._shared, ("address", place)), (self._items, ("visitor", visitor))] if visitor else []
        self._spend(counts or [(self._items, ("stranger", place))], kind)

    def _spend(self, counts: Iterable[tuple[tuple[RateLimitItem, ...], tuple[str, str]]], kind: str) -> None:
        windows = [(item, (kind, *who)) for items, who in counts for item in items]
        waits = [
            self._limiter.get_window_stats(item, *who).reset_time - time.time()
            for item, who in windows
            if not self._limiter.test(item, *who)
        ]
        if waits:
            raise Refused(max(1, math.ceil(max(waits))))
        for item, who in windows:
            self._limiter.hit(item, *who)


def _network(address: str) -> str:
    """An IPv6 household holds 2**64 addresses: it counts as one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network(f"{parsed}/64", strict=False).network_address)
