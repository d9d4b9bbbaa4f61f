"""axe-core finds nothing to mend on the page, its panel, the widget, the demo and the API's description."""

from __future__ import annotations

from typing import Any

import pytest
from web import ScriptedChain, wait

pytest_plugins = ["web_fixtures"]

QUOTE = "The film was directed by Inês Carvalho, who grew up beside the salt pans of Aveiro."


@pytest.fixture(autouse=True)
def _script(scripted: ScriptedChain) -> None:
    scripted.scripts["Who directed The Salt Road?"] = scripted.quoting("Inês Carvalho", QUOTE)


def violations(page: Any) -> list[tuple[str, list[str]]]:
    """Rule and elements of each violation, once nothing moves any more."""
    from axe_playwright_python.sync_playwright import Axe

    wait(page, "document.getAnimations().every((one) => one.playState !== 'running')")
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page(visit: Any, shared: Any, dark: bool) -> None:
    page = visit(shared.address, dark=dark)
    page.locator("main #conversation film-chat").wait_for()
    assert violations(page) == []
    page.get_by_role("button", name="Who directed The Salt Road?").click()
    page.locator(".fc-chip").click()
    page.get_by_text("Shooting took place").wait_for()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("textbox", name="Ask about the film").fill("What did it cost?")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Poor answer").last.click()
    page.get_by_role("textbox", name="What was wrong?").wait_for()
    assert violations(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_drawer_on_a_phone(visit: Any, shared: Any, dark: bool) -> None:
    page = visit(shared.address, dark=dark, width=390, height=844)
    page.locator("main #conversation film-chat").wait_for()
    page.get_by_role("button", name="Who directed The Salt Road?").click()
    page.locator(".fc-chip").click()
    page.get_by_text("Shooting took place").wait_for()
    assert violations(page) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_widget(visit: Any, shared: Any, dark: bool) -> None:
    page = visit(f"{shared.address}/demo", dark=dark)
    wait(page, "window.FilmChat")
    assert violations(page) == []
    page.evaluate("FilmChat.ask('Who directed The Salt Road?')")
    page.frame_locator(".film-chat-widget iframe").locator(".fc-chip").wait_for()
    assert violations(page) == []
    inside = visit(f"{shared.address}/embed?q=Who%20directed%20The%20Salt%20Road%3F", dark=dark, width=416, height=672)
    inside.locator(".fc-chip").wait_for()
    assert violations(inside) == []


def test_the_description_of_the_api(visit: Any, shared: Any) -> None:
    page = visit(f"{shared.address}/api/docs")
    page.get_by_role("heading", name="POST /api/ask", exact=True).wait_for()
    assert violations(page) == []
