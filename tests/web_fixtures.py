"""Servers and browsers for the tests of the web doors; a plugin, so that a server is started once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from web import PlainIndex, ScriptedChain, running, write_film

from index.settings import Settings
from ui.server import create_app

CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Two cores, and on some days not both of them: a page that comes late is no failure of the page.
PATIENCE = 60_000


@dataclass
class Served:
    """A running server: its address, the chain behind it, its service."""

    address: str
    chain: Any
    service: Any


@pytest.fixture(scope="session")
def salt_road(tmp_path_factory: pytest.TempPathFactory) -> PlainIndex:
    return PlainIndex.of(write_film(tmp_path_factory.mktemp("salt")))


@pytest.fixture(scope="session")
def shared(salt_road: PlainIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of a scripted chain, without limits; `scripted` clears it for each test."""
    chain = ScriptedChain(salt_road)
    app = create_app(Settings(index=tmp_path_factory.mktemp("shared"), limits="off"), chain)
    with running(app) as address:
        yield Served(address, chain, app.state.service)


@pytest.fixture
def scripted(shared: Served) -> ScriptedChain:
    chain: ScriptedChain = shared.chain
    chain.scripts.clear()
    chain.asked.clear()
    return chain


@pytest.fixture
def client(shared: Served, scripted: ScriptedChain) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared.address, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def lantern(built_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of the real chain on the small film of conftest."""
    from rag.chain import build_chain

    chain = build_chain(built_settings)
    app = create_app(built_settings.model_copy(update={"limits": "off"}), chain)
    with running(app) as address:
        yield Served(address, chain, app.state.service)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, for one module: while Playwright runs, no test in this thread can run an event loop of its own."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=CHROMIUM)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Opens pages, `visit(address, width=…, dark=…)`; at the end no request may have left for another host."""
    contexts: list[Any] = []
    strayed: list[str] = []

    def open_page(address: str, *, width: int = 1280, height: int = 800, dark: bool = False, **options: Any) -> Any:
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", **options
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("request", lambda request: strayed.append(request.url) if _strays(request.url) else None)
        page.goto(address, wait_until="commit")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert strayed == []


def _strays(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:", "about:"))
