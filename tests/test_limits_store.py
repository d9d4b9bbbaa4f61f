"""Limits that several servers share: a real Redis, one that is gone, and addresses that are none."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from index.errors import SettingsError
from ui.limits import STORAGE, Limits, Refused

BINARY = shutil.which("redis-server")


def start(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [BINARY or "", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    while b"Ready to accept connections" not in (line := process.stdout.readline()):
        assert line, "redis-server ended"
    return process, f"redis://127.0.0.1:{port}"


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()
    if process.stdout:
        process.stdout.close()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A Redis of the test's own, and its address."""
    if BINARY is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    process, address = start(tmp_path)
    yield process, address
    stop(process)


def test_two_servers_count_together(
    redis: tuple[subprocess.Popen[bytes], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORAGE, redis[1])
    one, two = Limits("2/minute"), Limits("2/minute")
    one.spend("ana", "192.0.2.1")
    two.spend("ana", "192.0.2.1")
    for server in (one, two):
        with pytest.raises(Refused):
            server.spend("ana", "192.0.2.1")
    two.spend("ben", "192.0.2.1")


def test_a_store_that_went_away_turns_nobody_away(redis: tuple[subprocess.Popen[bytes], str]) -> None:
    process, address = redis
    limits = Limits("2/minute", address)
    limits.spend("ana", "192.0.2.1")
    process.kill()
    process.wait()
    limits.spend("ana", "192.0.2.1")
    limits.spend("ana", "192.0.2.1")
    with pytest.raises(Refused):
        limits.spend("ana", "192.0.2.1")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("nonsense", "nonsense"),
        ("ftp://store.example", "ftp://store.example"),
        ("redis://127.0.0.1:9", "nothing answers there"),
        ("redis://:secret@127.0.0.1:9", "nothing answers there"),
    ],
)
def test_a_store_that_cannot_be_used_is_named(uri: str, said: str) -> None:
    with pytest.raises(SettingsError, match=f"{STORAGE}=.*{said}") as error:
        Limits("2/minute", uri)
    assert "secret" not in str(error.value) and f"nset {STORAGE}" in str(error.value)
