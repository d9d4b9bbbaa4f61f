"""Who asks, known by a token we signed, and how much each may ask."""

from __future__ import annotations

import ipaddress
import logging
import math
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer
from limits import RateLimitItem, parse_many
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, MovingWindowSupport, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter, RateLimiter

from index.errors import SettingsError
from ui.sorry import Sorry

COOKIE = "visitor"
HEADER = "x-visitor"
TOKEN_SECONDS = 2 * 24 * 3600
# Where limits are counted when several servers share them; the name that `limits` and its users know.
STORAGE = "RATELIMIT_STORAGE_URI"
# Several visitors may share one address: a school, a cinema's foyer.
ADDRESS_SHARE = 5

logger = logging.getLogger("karmalink")


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
    """Counts questions by visitor and by address. Thread-safe; raises Refused.

    Where the shared store fails, this server counts for itself: visitors are not turned away for it. Raises
    SettingsError for a store that cannot be used from the start."""

    def __init__(self, spec: str, storage: str | None = None) -> None:
        self._items: tuple[RateLimitItem, ...] = () if spec == "off" else tuple(parse_many(spec))
        self._shared = tuple(type(item)(item.amount * ADDRESS_SHARE, item.multiples) for item in self._items)
        self._limiter = MovingWindowRateLimiter(_storage(storage or os.environ.get(STORAGE) or "memory://"))
        self._own = MovingWindowRateLimiter(MemoryStorage())

    def spend(self, visitor: str | None, address: str, kind: str = "ask") -> None:
        """Count one question. Without a token of ours the address stands for the visitor."""
        place = _network(address)
        counts = [(self._shared, ("address", place)), (self._items, ("visitor", visitor))] if visitor else []
        counts = counts or [(self._items, ("stranger", place))]
        windows = [(item, (kind, *who)) for items, who in counts for item in items]
        try:
            _hit(self._limiter, windows)
        except StorageError as error:
            logger.error("limits cannot be shared: %s; this server counts for itself", error)
            _hit(self._own, windows)


def _hit(limiter: RateLimiter, windows: Sequence[tuple[RateLimitItem, tuple[str, ...]]]) -> None:
    """Count one hit in every window, or in none and raise Refused."""
    waits = [
        limiter.get_window_stats(item, *who).reset_time - time.time()
        for item, who in windows
        if not limiter.test(item, *who)
    ]
    if waits:
        raise Refused(max(1, math.ceil(max(waits))))
    for item, who in windows:
        limiter.hit(item, *who)


def _storage(uri: str) -> Storage:
    """The store that limits are counted in; it answers now."""
    shown = re.sub(r"(?<=://)[^/@]*@", "…@", uri)  # no password in an error
    mend = f"Unset {STORAGE}, or install what it needs: pip install -c constraints.txt -e '.[redis]'"
    try:
        storage = storage_from_string(uri, wrap_exceptions=True)
        answers = storage.check()
    except (ConfigurationError, StorageError, ValueError) as error:
        raise SettingsError(f"{STORAGE}={shown!r}: {error}. {mend}") from None
    if not answers:
        raise SettingsError(f"{STORAGE}={shown!r}: nothing answers there. Start the store, or unset {STORAGE}.")
    if not isinstance(storage, Storage) or not isinstance(storage, MovingWindowSupport):
        raise SettingsError(f"{STORAGE}={shown!r}: this store cannot keep a moving window. Take memory:// or redis://.")
    return storage


def _network(address: str) -> str:
    """An IPv6 household holds 2**64 addresses: it counts as one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network(f"{parsed}/64", strict=False).network_address)
