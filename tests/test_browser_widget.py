"""The widget on a film's own site: on one that may embed it, and on one that may not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from web import PlainIndex, ScriptedChain, answer, running, wait

from index.settings import Settings
from rag.answer import Answer, Question
from ui.server import create_app

pytest_plugins = ["web_fixtures"]

SITE = """<!doctype html><html lang="en"><head><title>A film's site</title>
<style>* {{ color: red !important; font-size: 50px !important }} button {{ display: none !important }}</style>
<script>
window.seen = [];
for (const name of ["ready", "open", "close", "answer", "citation", "seek"])
  document.addEventListener("filmchat:" + name, (event) => seen.push([name, event.detail]));
</script>
<script src="{chat}/widget.js" defer {options}></script></head>
<body><h1>A film</h1><a href="#" id="link">A link</a><div id="place" style="height: 600px"></div></body></html>"""


@pytest.fixture(scope="module")
def pages() -> Iterator[tuple[int, dict[str, str]]]:
    """A site's server: its port, and its pages by path, to be filled in."""
    held: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = held.get(self.path, "").encode()
            self.send_response(200 if page else 404)
            self.send_header("content-type", "text/html")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site.server_port, held
        site.shutdown()


def play(question: Question, chain: ScriptedChain) -> Iterator[str | Answer]:
    cited = chain.cite("article.txt", "The Salt Road opened in Lisbon", "Lisbon").model_copy(update={"seconds": 62.5})
    yield answer(question, "Lisbon", citations=[cited])


@pytest.fixture(scope="module")
def chat(pages: Any, salt_road: PlainIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A chat that http://localhost:PORT alone may embed, and not http://127.0.0.1:PORT, the same machine or not."""
    chain = ScriptedChain(salt_road)
    chain.scripts["Where?"] = lambda question: play(question, chain)
    settings = Settings(index=tmp_path_factory.mktemp("widget"), limits="off", sites=f"http://localhost:{pages[0]}")
    with running(create_app(settings, chain)) as address:
        yield address


@pytest.fixture
def embed(pages: Any, chat: str, visit: Any) -> Any:
    """Opens a page with the widget: `embed(options, host=…)`."""
    port, held = pages

    def open_page(options: str = "", host: str = "localhost", **more: Any) -> Any:
        held["/"] = SITE.format(chat=chat, options=options)
        page = visit(f"http://{host}:{port}/", **more)
        wait(page, "window.FilmChat")
        return page

    return open_page


def names(page: Any) -> list[str]:
    found: list[str] = page.evaluate("seen.map(([name]) => name)")
    return found


def test_it_opens_asks_tells_and_closes(embed: Any) -> None:
    page = embed()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    button = page.get_by_role("button", name="Ask about The Salt Road <b>")
    assert asked == []
    assert button.evaluate("one => getComputedStyle(one).fontSize") == "16px"
    button.focus()
    page.keyboard.press("Enter")
    frame = page.frame_locator(".film-chat-widget iframe")
    field = frame.get_by_role("textbox", name="Ask about the film")
    field.wait_for()
    wait(page, "document.activeElement.classList.contains('film-chat-widget')")
    field.fill("Where?")
    page.keyboard.press("Enter")
    frame.locator(".fc-chip").click()
    wait(page, "seen.some(([name]) => name === 'seek')")
    assert names(page) == ["ready", "open", "answer", "citation", "seek"]
    assert page.evaluate("seen.at(-1)[1]") == {"seconds": 62.5}
    assert page.evaluate("seen[2][1].answer") == "Lisbon"
    page.keyboard.press("Escape")
    frame.locator("dialog[open]").wait_for(state="detached")
    page.keyboard.press("Escape")
    button.wait_for()
    assert names(page)[-1] == "close"
    assert button.evaluate("one => one.getRootNode().activeElement === one")


def test_the_site_may_open_ask_and_close_it(embed: Any) -> None:
    page = embed('data-title="Our film" data-colour="gold" data-position="left" data-language="de" data-theme="dark"')
    button = page.get_by_role("button", name="Ask about Our film")
    assert button.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(255, 215, 0)"
    assert button.evaluate("one => getComputedStyle(one).color") == "rgb(0, 0, 0)"
    assert button.bounding_box()["x"] < 100
    page.evaluate("FilmChat.ask('Where?')")
    frame = page.frame_locator(".film-chat-widget iframe")
    frame.get_by_role("heading", name="Ihre Frage: Where?").wait_for()
    frame.locator(".fc-chip").wait_for()
    assert frame.locator("html").get_attribute("data-theme") == "dark"
    page.get_by_role("button", name="Close the chat").click()
    button.wait_for()
    page.evaluate("FilmChat.close()")
    assert names(page).count("close") == 1


def test_it_fills_a_phone_and_stays_still_for_who_asks_for_it(embed: Any) -> None:
    page = embed("data-open", width=390, height=844, reduced_motion="reduce")
    dialog = page.get_by_role("dialog", name="The Salt Road <b>")
    dialog.wait_for()
    assert dialog.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert dialog.evaluate("one => one.matches(':modal') && getComputedStyle(one).animationName") == "none"
    page.frame_locator(".film-chat-widget iframe").get_by_role("textbox").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_it_may_stand_in_the_page(embed: Any) -> None:
    page = embed('data-inline="#place" data-greeting="Ask <i>away</i>"')
    frame = page.frame_locator("#place iframe")
    frame.get_by_text("Ask <i>away</i>").wait_for()
    assert page.get_by_role("button").count() == 0
    assert page.locator("#place iframe").bounding_box()["height"] >= 480


def test_a_site_not_listed_gets_no_chat(embed: Any) -> None:
    page = embed(host="127.0.0.1")
    with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
        page.evaluate("FilmChat.ask('Where?')")
    assert "answer" not in names(page)


def test_messages_of_others_are_not_heard(embed: Any, chat: str) -> None:
    page = embed("data-open")
    frame = page.frame_locator(".film-chat-widget iframe")
    frame.get_by_role("textbox").wait_for()
    wait(page, "FilmChat.ready")
    page.evaluate("window.postMessage({film: 'answer', detail: {answer: 'forged'}}, '*')")
    page.evaluate("window.postMessage({film: 'close'}, '*')")
    inner = next(one for one in page.frames if one.url.startswith(chat))
    inner.evaluate("window.postMessage({film: 'ask', detail: 'Where?'}, '*')")
    page.evaluate("FilmChat.ask('Who?')")
    frame.get_by_role("button", name="Copy with source").wait_for()
    assert frame.locator(".fc-turn").count() == 1
    assert names(page) == ["ready", "open", "answer"]
    assert page.evaluate("seen.at(-1)[1].question") == "Who?"


def test_the_demo_shows_it(visit: Any, shared: Any, scripted: ScriptedChain) -> None:
    scripted.scripts["Where was the film shot?"] = lambda question: play(question, scripted)
    page = visit(f"{shared.address}/demo")
    wait(page, "window.FilmChat")
    page.get_by_role("button", name="Where was the film shot?").click()
    page.get_by_role("list", name="Events").get_by_text("answer: Lisbon").wait_for()
