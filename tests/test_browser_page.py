"""The page in a real browser, on the real chain of a small film; faults and traps on a scripted one.

The second kind uses /embed: the same conversation without the page around it, which is sooner there.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from web import MARKUP, ScriptedChain, answer

from rag.answer import Answer, Question

pytest_plugins = ["web_fixtures"]

SCORE = "Who wrote the score?"
COMPOSER = "The score was written by Ada Lindqvist for three cellos and a pump organ."
ENDING = "Who does the keeper turn out to be in the last scene?"
UNKNOWN = "What did the tickets cost in Buenos Aires?"


def ask(page: Any, question: str) -> Any:
    """Ask, and wait for what comes of it; gives the turn."""
    turns = page.get_by_role("list", name="Conversation").locator("> li")
    before = turns.count()
    page.get_by_role("textbox", name="Ask about the film").fill(question)
    page.keyboard.press("Enter")
    turn = turns.nth(before)
    turn.get_by_role("button", name="Copy with source").wait_for()
    return turn


def test_a_visitor_asks_and_reads_the_words_behind_the_answer(visit: Any, lantern: Any) -> None:
    page = visit(lantern.address)
    page.get_by_role("heading", level=1, name="The Salt Lantern").wait_for()
    turn = ask(page, SCORE)
    assert "Ada Lindqvist" in turn.inner_text()
    chip = turn.get_by_role("button", name=re.compile("Orrin Press"))
    chip.first.click()
    panel = page.get_by_role("dialog", name="Production notes")
    panel.get_by_text("It was recorded in one night in the chapel.").wait_for()
    assert panel.locator("mark").inner_text() == COMPOSER
    assert "in the last scene" not in panel.inner_text().lower()
    assert chip.first.get_attribute("aria-expanded") == "true"
    panel.get_by_role("button", name="Close").click()
    assert panel.count() == 0
    assert page.evaluate("document.activeElement.textContent.includes('Orrin Press')")


def test_what_the_papers_do_not_say_looks_like_it(visit: Any, lantern: Any) -> None:
    page = visit(lantern.address)
    turn = ask(page, UNKNOWN)
    text = turn.inner_text()
    assert "papers" in text
    assert "press@saltlantern.example" in text or "nothing in them is near" in text
    assert "fc-refused" in turn.get_attribute("class")
    turn.get_by_role("button", name="Who directed it?").click()
    page.get_by_role("heading", level=2, name="Who directed it?").wait_for()


def test_a_starter_is_asked_by_a_click(visit: Any, lantern: Any) -> None:
    page = visit(lantern.address)
    page.get_by_role("button", name="Who directed it?").click()
    page.locator(".fc-chip").first.wait_for()
    assert "Mira Kessel" in page.locator(".fc-turn").inner_text()


def test_spoilers_stay_back_until_the_visitor_has_seen_the_film(visit: Any, lantern: Any) -> None:
    page = visit(lantern.address)
    assert "grandmother" not in ask(page, ENDING).inner_text()
    page.get_by_role("switch", name="I have seen the film").check()
    assert "grandmother" in ask(page, ENDING).inner_text()
    page.reload(wait_until="commit")
    assert page.get_by_role("switch", name="I have seen the film").is_checked()


def test_a_shared_link_asks_once_and_history_stays_in_this_browser(visit: Any, lantern: Any) -> None:
    page = visit(f"{lantern.address}/?q=Who%20directed%20it%3F")
    page.locator(".fc-chip").first.wait_for()
    page.reload(wait_until="commit")
    page.locator(".fc-chip").first.wait_for()
    assert page.locator(".fc-turn").count() == 1
    assert visit(lantern.address).locator(".fc-turn").count() == 0
    page.get_by_role("button", name="New chat").click()
    assert page.locator(".fc-turn").count() == 0
    assert "?q=" not in page.url
    page.reload(wait_until="commit")
    page.get_by_role("button", name="Who directed it?").wait_for()
    assert page.locator(".fc-turn").count() == 0


def test_keyboard_alone(visit: Any, lantern: Any) -> None:
    page = visit(lantern.address)
    page.get_by_role("textbox", name="Ask about the film").wait_for()
    page.keyboard.type(SCORE)
    page.keyboard.press("Enter")
    page.locator(".fc-chip").first.wait_for()
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.evaluate("document.activeElement.classList.contains('fc-chip')"):
            break
    page.keyboard.press("Enter")
    page.locator("mark").wait_for()
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate("document.activeElement.classList.contains('fc-chip')")


def test_a_phone_gets_a_drawer_and_nothing_to_scroll_sideways(visit: Any, lantern: Any) -> None:
    page = visit(lantern.address, width=390, height=844, has_touch=True, is_mobile=True)
    turn = ask(page, SCORE)
    turn.locator(".fc-chip").first.click()
    panel = page.get_by_role("dialog", name="Production notes")
    panel.wait_for()
    box = panel.bounding_box()
    assert box["width"] == 390
    assert box["y"] > 100
    assert page.evaluate("document.querySelector('dialog').matches(':modal')")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    small = "[...document.querySelectorAll('film-chat dialog button, film-chat dialog a')].map(e => e.offsetHeight)"
    assert min(page.evaluate(small)) >= 40


def test_thumbs_and_a_word_are_kept(visit: Any, shared: Any, scripted: ScriptedChain) -> None:
    page = visit(f"{shared.address}/embed")
    turn = ask(page, "What did the salt cost?")
    turn.get_by_role("button", name="Poor answer").click()
    word = turn.get_by_role("textbox", name="What was wrong?")
    word.fill("It is in the article")
    with page.expect_response("**/api/feedback"):  # the thumb has been thanked for already
        page.keyboard.press("Enter")
    word.wait_for(state="detached")
    page.get_by_text("Thank you. The film team will read it.").wait_for(state="attached")
    newest = shared.service.log.entries()[0]
    assert (newest.question, newest.verdict, newest.word) == ("What did the salt cost?", "down", "It is in the article")
    assert turn.get_by_role("button", name="Poor answer").get_attribute("aria-pressed") == "true"


def test_copies_carry_the_source(visit: Any, shared: Any, scripted: ScriptedChain) -> None:
    quote = "The old salt master Rui is played\nby Artur Pires."
    scripted.scripts["Who plays Rui?"] = scripted.quoting("Artur Pires", quote)
    page = visit(f"{shared.address}/embed", permissions=["clipboard-read", "clipboard-write"])
    turn = ask(page, "Who plays Rui?")
    turn.get_by_role("button", name="Copy with source").click()
    page.get_by_text("Copied.").first.wait_for(state="attached")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert quote in copied
    assert "The Harbour Post" in copied
    turn.get_by_role("button", name="Copy link").click()
    page.get_by_text("Link copied.").first.wait_for(state="attached")
    assert page.evaluate("navigator.clipboard.readText()") == f"{shared.address}/?q=Who%20plays%20Rui%3F"


def test_a_follow_up_takes_its_history_along(visit: Any, shared: Any, scripted: ScriptedChain) -> None:
    page = visit(f"{shared.address}/embed")
    for question in ("Who plays Rui?", "And Benedita?"):
        ask(page, question)
    first, second = scripted.asked
    assert first == Question(text="Who plays Rui?")
    assert second == Question(text="And Benedita?", history=["Who plays Rui?"])


def test_strangers_words_are_never_markup(visit: Any, shared: Any, scripted: ScriptedChain) -> None:
    scripted.scripts[MARKUP] = scripted.quoting(MARKUP, MARKUP, warnings=[MARKUP], suggestions=[MARKUP])
    page = visit(f"{shared.address}/embed")
    turn = ask(page, MARKUP)
    turn.locator(".fc-chip").first.click()
    page.locator("mark").wait_for()
    assert page.title() == "The Salt Road <b>"
    assert page.locator("film-chat img, film-chat b").count() == 0
    assert page.locator("film-chat a[href^=javascript], film-chat a[href*=evil]").count() == 0
    assert turn.locator(".fc-say").inner_text() == MARKUP
    assert page.get_by_role("link", name="Open the source").get_attribute("href") == "https://harbour.example/salt"
    assert page.evaluate("window.hacked") is None


def test_an_address_that_runs_is_no_link(visit: Any, shared: Any, scripted: ScriptedChain) -> None:
    cited = scripted.cite("article.txt", "The Salt Road opened in Lisbon", "Lisbon").model_copy(
        update={"url": "javascript:window.hacked=1"}
    )

    def script(question: Question) -> Iterator[str | Answer]:
        yield "Lisbon"
        yield answer(question, "Lisbon", citations=[cited])

    scripted.scripts["Where?"] = script
    page = visit(f"{shared.address}/embed")
    ask(page, "Where?").locator(".fc-chip").first.click()
    page.locator("mark").wait_for()
    assert page.locator("dialog a").count() == 0


def test_an_answer_is_read_while_it_is_written_and_can_be_stopped(
    visit: Any, shared: Any, scripted: ScriptedChain
) -> None:
    go = threading.Event()

    def slow(question: Question) -> Iterator[str | Answer]:
        yield "It began "
        go.wait(30)
        yield "with salt."
        yield answer(question, "It began with salt.")

    scripted.scripts["How did it begin?"] = slow
    page = visit(f"{shared.address}/embed")
    page.get_by_role("textbox", name="Ask about the film").fill("How did it begin?")
    page.keyboard.press("Enter")
    page.get_by_text("It began").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.locator(".fc-turn").get_by_text("Stopped.").wait_for()
    go.set()
    assert page.get_by_role("button", name="Ask", exact=True).is_visible()


def test_numbers_in_an_answer_open_their_passage(visit: Any, shared: Any, scripted: ScriptedChain) -> None:
    cited = scripted.cite("article.txt", "The Salt Road opened in Lisbon", "Lisbon")

    def script(question: Question) -> Iterator[str | Answer]:
        text = "It opened in Lisbon [1], they say [7]."
        yield answer(question, text, citations=[cited], warnings=["Written by a model."])

    scripted.scripts["Where did it open?"] = script
    page = visit(f"{shared.address}/embed")
    turn = ask(page, "Where did it open?")
    assert "[7]" not in turn.inner_text()
    assert "Written by a model." in turn.inner_text()
    turn.get_by_role("button", name="Passage 1", exact=True).click()
    assert page.locator("mark strong").inner_text() == "Lisbon"


def test_limits_and_a_lost_line_are_said_kindly(visit: Any, shared: Any) -> None:
    limit = "That was a lot of questions in a short while. Please wait 30 seconds and ask again."
    ends = iter([lambda route: route.fulfill(status=429, json={"detail": limit}), lambda route: route.abort()])
    page = visit("about:blank")
    # Before the page: a request of a page that is already there may slip past.
    page.route("**/api/ask/stream", lambda route: next(ends)(route))
    page.goto(f"{shared.address}/embed")
    for sentence in (limit, "The connection was lost."):
        page.get_by_role("textbox", name="Ask about the film").fill("Who?")
        page.keyboard.press("Enter")
        page.locator(".fc-turn").get_by_text(sentence).wait_for()


def test_light_and_dark_can_be_chosen(visit: Any, shared: Any) -> None:
    page = visit(f"{shared.address}/embed")
    ground = "getComputedStyle(document.querySelector('film-chat')).backgroundColor"
    light = page.get_by_role("button", name="Dark").evaluate(f"() => {ground}")
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate(ground)
    page.reload(wait_until="commit")
    page.get_by_role("button", name="Light").wait_for()
    assert page.evaluate(ground) == dark != light


@pytest.mark.parametrize(
    ("language", "field"), [("fr-CA", "Posez une question sur le film"), ("xx", "Ask about the film")]
)
def test_the_pages_own_words_follow_the_language(visit: Any, shared: Any, language: str, field: str) -> None:
    page = visit(f"{shared.address}/embed?lang={language}")
    page.get_by_role("textbox", name=field).wait_for()
    assert page.evaluate("document.documentElement.lang") == language.split("-")[0].replace("xx", "en")


def test_the_conversation_settles_in_gradios_column(visit: Any, shared: Any) -> None:
    page = visit(shared.address)
    page.get_by_role("textbox", name="Ask about the film").fill("half a quest")
    page.locator("main #conversation film-chat").wait_for()
    assert page.get_by_role("textbox", name="Ask about the film").input_value() == "half a quest"
    assert page.get_by_role("main").count() == 1


def test_the_api_is_described_without_help_from_elsewhere(visit: Any, shared: Any) -> None:
    page = visit(f"{shared.address}/api/docs")
    page.get_by_role("heading", name="POST /api/ask", exact=True).wait_for()
    assert "at most 500 characters" in page.locator("body").inner_text()
