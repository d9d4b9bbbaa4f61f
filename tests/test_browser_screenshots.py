"""The README's pictures. SCREENSHOTS=http://127.0.0.1:7860 names a running server to take them of."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest
from web import wait

pytest_plugins = ["web_fixtures"]

ADDRESS = os.environ.get("SCREENSHOTS", "")
PICTURES = Path(__file__).parent.parent / "ui" / "static" / "screenshots"
LARGEST = 200_000
UNKNOWN = "What was the budget of the film?"

pytestmark = pytest.mark.skipif(not ADDRESS, reason="pictures are taken when SCREENSHOTS names a running server")


def keep(page: Any, name: str) -> None:
    from PIL import Image

    wait(page, "document.getAnimations().every((one) => one.playState !== 'running')")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB").quantize(128)
    PICTURES.mkdir(exist_ok=True)
    picture.save(PICTURES / f"{name}.png", optimize=True)
    assert (PICTURES / f"{name}.png").stat().st_size < LARGEST


def ask(page: Any, question: str) -> None:
    page.get_by_role("textbox", name="Ask about the film").fill(question)
    page.keyboard.press("Enter")
    page.locator(".fc-turn").last.get_by_role("button", name="Copy with source").wait_for()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["wide", "phone"])
def test_pictures(visit: Any, dark: bool, width: int, height: int) -> None:
    kind = f"{'dark' if dark else 'light'}-{'wide' if width > 900 else 'phone'}"
    page = visit(ADDRESS, dark=dark, width=width, height=height)
    starters = page.locator(".fc-welcome .fc-starter")
    starters.nth(1).wait_for()
    question = starters.nth(1).inner_text()
    keep(page, f"{kind}-start")
    ask(page, question)
    page.locator(".fc-chip").first.click()
    page.locator("mark").wait_for()
    keep(page, f"{kind}-answer")
    page.keyboard.press("Escape")
    ask(page, UNKNOWN)
    keep(page, f"{kind}-silent")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["wide", "phone"])
def test_pictures_of_the_widget(visit: Any, width: int, height: int) -> None:
    page = visit(f"{ADDRESS}/demo", width=width, height=height)
    wait(page, "window.FilmChat")
    page.locator("[data-ask]").nth(2).click()
    page.frame_locator(".film-chat-widget iframe").locator(".fc-chip").first.wait_for()
    keep(page, f"demo-{'wide' if width > 900 else 'phone'}")
