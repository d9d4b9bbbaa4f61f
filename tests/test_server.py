"""What the server lets in and out: headers, hosts, origins, Gradio's routes, limits, the line, starting and failing."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from web import PlainIndex, ScriptedChain, answer, running

from index.errors import IndexMissing, InputError
from index.settings import Settings
from rag.answer import Answer, Question
from ui import server
from ui.colour import contrast, palette
from ui.desk import Busy, Desk, Late
from ui.headers import content_policy
from ui.limits import ADDRESS_SHARE, COOKIE, Limits, Refused, Visitors, load_secret

pytest_plugins = ["web_fixtures"]

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; manifest-src 'self'; form-action 'none'; base-uri 'self'; object-src 'none'; "
    "frame-src {frames}; frame-ancestors {ancestors}"
)
LOCAL = "'self' http://localhost:* http://127.0.0.1:*"


# headers, hosts, origins


@pytest.mark.parametrize("path", ["/", "/embed", "/api/film", "/api/docs", "/widget.js", "/nothing", "/chat/chat.js"])
def test_every_answer_carries_the_policy(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == POLICY.format(frames="'none'", ancestors=LOCAL)
    assert headers["x-content-type-options"] == "nosniff"


def test_the_demo_may_frame_its_own_server_alone(client: httpx.Client) -> None:
    policy = client.get("/demo").headers["content-security-policy"]
    assert policy == POLICY.format(frames="'self'", ancestors=LOCAL)


def test_sites_and_no_others_may_frame() -> None:
    sites = ("https://film.example", "https://www.film.example")
    assert content_policy(sites) == POLICY.format(frames="'none'", ancestors=" ".join(sites))


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "", "[", "localhost@evil.example"])
def test_another_host_is_turned_away(client: httpx.Client, host: str) -> None:
    response = client.get("/", headers={"host": host})
    assert response.status_code == 400
    assert "KARMALINK_SITES" in response.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:7860", "[::1]:80", "192.168.1.20", "film.localhost"])
def test_this_machine_is_known(client: httpx.Client, host: str) -> None:
    assert client.get("/healthz", headers={"host": host}).status_code == 200


def test_a_forwarded_host_reaches_nothing(client: httpx.Client) -> None:
    headers = {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    for path in ("/", "/config"):
        assert "evil.example" not in client.get(path, headers=headers).text


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1:8080", True),
        ("https://evil.example", False),
        ("http://localhost.evil.example", False),
        ("null", False),
    ],
)
def test_the_api_answers_local_origins_alone(client: httpx.Client, origin: str, allowed: bool) -> None:
    wants = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    asking = {"origin": origin, **wants}
    for response in (
        client.options("/api/ask", headers=asking),
        client.get("/api/film", headers={"origin": origin}),
        client.get("/config", headers={"origin": origin}),
    ):
        assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
        assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/upload"),
        ("GET", "/gradio_api/file=https://example.org/"),
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/gradio_api/proxy=https://example.org/"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/startup-events"),
        ("GET", "/gradio_api/heartbeat/abc"),
        ("POST", "/gradio_api/queue/join"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/mcp/"),
        ("GET", "/monitoring"),
        ("GET", "/monitoring/summary"),
        ("POST", "/login"),
        ("POST", "/config"),
        ("GET", "/file=/etc/passwd"),
        ("GET", "/assets/../../../../../../../../etc/passwd"),
        ("GET", "/static/%2e%2e/%2e%2e/package.json"),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
    ],
)
def test_what_the_page_does_not_need_of_gradio_is_not_there(client: httpx.Client, method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code in (403, 404, 405)
    assert "root:" not in response.text


def test_the_page_is_the_films(client: httpx.Client) -> None:
    page = client.get("/?deep_link=../../etc").text
    assert "<title>The Salt Road &lt;b&gt;</title>" in page
    assert "onerror=" not in page.replace("\\u003cimg src=x onerror=", "")
    assert "raw.githubusercontent" not in page
    assert client.head("/").status_code == 200


def test_files_named_by_their_hash_are_kept(client: httpx.Client) -> None:
    page = client.get("/").text
    asset = page.split('src="./assets/')[1].split('"')[0]
    assert "immutable" in client.get(f"/assets/{asset}").headers["cache-control"]
    assert client.get("/").headers["cache-control"] == "no-store"


def test_the_widget_is_one_small_file_that_knows_its_film(client: httpx.Client) -> None:
    response = client.get("/widget.js")
    assert len(gzip.compress(response.content)) <= 10 * 1024
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert '"title": "The Salt Road <b>"' in response.text


def test_titles_are_text_in_every_page(client: httpx.Client) -> None:
    for path in ("/embed", "/demo", "/api/docs"):
        page = client.get(path).text
        assert "<img" not in page
        assert "The Salt Road &lt;b&gt;" in page


# visitors and limits


def test_a_visitor_cannot_pick_an_id() -> None:
    visitors = Visitors("secret")
    token = visitors.issue()
    assert visitors.known(token)
    assert visitors.known(Visitors("other").issue()) is None
    assert visitors.known(token[:-2]) is None
    assert visitors.known("me") is None
    assert visitors.known(None) is None


def test_the_secret_is_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "index" / "secret"
    assert load_secret(path) == load_secret(path)
    assert path.stat().st_mode & 0o077 == 0
    assert load_secret(Path("/proc/none/secret"))


def test_limits_count_by_visitor_and_by_address() -> None:
    limits = Limits("2/minute", "memory://")
    for _ in range(2):
        limits.spend("anna", "192.0.2.1")
    with pytest.raises(Refused) as refused:
        limits.spend("anna", "192.0.2.1")
    assert 0 < refused.value.seconds <= 60
    for visitor in range(2 * ADDRESS_SHARE - 2):
        limits.spend(str(visitor), "192.0.2.1")
    with pytest.raises(Refused):
        limits.spend("newcomer", "192.0.2.1")
    limits.spend("newcomer", "192.0.2.2")


def test_a_refused_question_costs_nothing() -> None:
    limits = Limits("1/minute;3/day", "memory://")
    limits.spend(None, "192.0.2.1")
    for _ in range(5):
        with pytest.raises(Refused) as refused:
            limits.spend(None, "192.0.2.1")
        assert refused.value.seconds <= 60


def test_an_ipv6_household_is_one_address() -> None:
    limits = Limits("1/minute", "memory://")
    limits.spend(None, "2001:db8::1")
    with pytest.raises(Refused):
        limits.spend(None, "2001:db8::2:3")
    limits.spend(None, "2001:db8:0:1::1")


@pytest.fixture(scope="module")
def limited(salt_road: PlainIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(index=tmp_path_factory.mktemp("limited"), limits="2/minute", sites="https://film.example")
    with running(server.create_app(settings, ScriptedChain(salt_road), log=False)) as address:
        yield address


def test_limits_over_http(limited: str) -> None:
    with httpx.Client(base_url=limited) as visitor:
        visitor.get("/embed")
        asked = [visitor.post("/api/ask", json={"question": "Who?"}) for _ in range(3)]
        feedback = visitor.post("/api/feedback", json={"question": "Who?", "verdict": "up"})
        completion = visitor.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "Who?"}]})
    assert [response.status_code for response in asked] == [200, 200, 429]
    assert 0 < int(asked[2].headers["retry-after"]) <= 60
    assert "Please wait" in asked[2].json()["detail"]
    assert feedback.status_code == 204
    assert completion.status_code == 429
    assert completion.json()["error"]["type"] == "rate_limit_error"
    with httpx.Client(base_url=limited, cookies={COOKIE: "mine"}) as stranger:
        codes = [stranger.post("/api/ask/stream", json={"question": "Who?"}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_sites_are_allowed_exactly(limited: str) -> None:
    with httpx.Client(base_url=limited) as client:
        headers = client.get("/embed").headers
        assert headers["content-security-policy"].endswith("frame-ancestors https://film.example")
        for origin, allowed in (("https://film.example", True), ("http://localhost:1", False)):
            found = client.get("/api/film", headers={"origin": origin}).headers.get("access-control-allow-origin")
            assert found == (origin if allowed else None)
        assert client.get("/healthz", headers={"host": "film.example"}).status_code == 200


def test_no_log_means_no_file(limited: str) -> None:
    facts = httpx.get(f"{limited}/api/film").json()
    assert facts["feedback"] is False


# the line


class Held:
    """A chain that says one word and waits until it is let go."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.go = threading.Event()
        self.ended: list[str] = []
        self.finished = False

    def stream(self, question: Question) -> Iterator[str | Answer]:
        try:
            self.started.release()
            yield "word"
            self.go.wait(30)
            yield "more"
            self.finished = True
            yield answer(question, "word more")
        finally:
            self.ended.append(question.text)


def until(true: Any) -> None:
    """Wait for what another thread does."""
    ends = time.monotonic() + 30
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_the_line_is_bounded_and_who_leaves_makes_room() -> None:
    async def visit() -> None:
        held = Held()
        desk = Desk(held, deadline=30, hands=1, waiting=1)
        first, second = desk.take(Question(text="first")), desk.take(Question(text="second"))
        await asyncio.to_thread(held.started.acquire)
        with pytest.raises(Busy):
            desk.take(Question(text="third"))
        second.leave()
        await asyncio.sleep(0)
        await asyncio.to_thread(until, lambda: len(desk.places) == 1)
        third = desk.take(Question(text="third"))
        first.leave()
        held.go.set()
        assert [piece async for piece in third][:2] == ["word", "more"]
        assert held.ended == ["first", "third"]
        desk.close()

    asyncio.run(visit())


def test_a_deadline_counts_waiting_too() -> None:
    async def visit() -> None:
        held = Held()
        desk = Desk(held, deadline=0.05, hands=1, waiting=1)
        first = desk.take(Question(text="first"))
        with pytest.raises(Late):
            await desk.answer(Question(text="second"))
        first.leave()
        held.go.set()
        await asyncio.to_thread(until, lambda: held.ended == ["first"])
        desk.close()

    asyncio.run(visit())


@pytest.mark.parametrize("path", ["/api/ask", "/api/ask/stream", "/v1/chat/completions"])
def test_a_vanished_client_frees_its_place(shared: Any, scripted: ScriptedChain, path: str) -> None:
    held = Held()
    scripted.scripts["Wait?"] = held.stream
    desk = shared.service.desk
    body = json.dumps({"question": "Wait?", "messages": [{"role": "user", "content": "Wait?"}], "stream": True})
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", int(shared.address.split(":")[-1]))) as visitor:
        visitor.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert held.started.acquire(timeout=30)
    until(lambda: all(place.is_left for place in desk.places))
    held.go.set()
    until(lambda: not desk.places)
    assert held.ended == ["Wait?"]
    assert not held.finished


# starting and failing


def test_a_missing_index_is_said_with_its_command(tmp_path: Path) -> None:
    settings = Settings(documents=tmp_path, index=tmp_path / "none")
    with pytest.raises(IndexMissing, match="karmalink build"):
        server.serve(settings, port=0, browser=False)


def test_a_port_in_use_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"Port {port} on 127.0.0.1 is in use.*--port {port + 1}"):
            server.serve(Settings(), port=port, browser=False)


def test_a_port_that_cannot_be_is_said() -> None:
    with pytest.raises(InputError, match="Port 99999"):
        server.serve(Settings(), port=99999, browser=False)


# colours


@pytest.mark.parametrize(
    "colour", ["#0f8b8d", "#ffff00", "#000", "#ffffff", "rebeccapurple", "hsl(20, 80%, 50%)", None]
)
def test_any_colour_can_be_read(colour: str | None) -> None:
    def rgb(value: str) -> tuple[int, int, int]:
        return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)

    for shades in (palette(colour).light, palette(colour).dark):
        pairs = [
            (shades.ink, shades.ground),
            (shades.soft, shades.ground),
            (shades.soft, shades.sheet),
            (shades.soft, shades.tint),
            (shades.on_accent, shades.accent),
            (shades.accent_ink, shades.ground),
            (shades.accent_ink, shades.tint),
            (shades.ink, shades.glow),
        ]
        assert [pair for pair in pairs if contrast(rgb(pair[0]), rgb(pair[1])) < 4.5] == []


def test_what_is_no_colour_is_said() -> None:
    with pytest.raises(InputError, match='colour = "no such"'):
        palette("no such")
