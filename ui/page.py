"""The chat as a Gradio page, and a gate that lets through no more of Gradio than the page needs.

The conversation itself is the element `<film-chat>` (static/chat/chat.js), there at once and moved into Gradio's column
as soon as that stands. It speaks to the HTTP API like any other client: one road for questions, one place for limits,
and every text of papers and visitors is set as text, never as markup.
"""

from __future__ import annotations

import html
import re
from typing import Any

import gradio as gr
from fastapi import FastAPI, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.film import Film
from ui.api import Ask, facts_script
from ui.colour import Palette
from ui.headers import is_local
from ui.limits import COOKIE
from ui.service import Service

MCP = "/gradio_api/mcp"

# What the page asks of Gradio, by looking at what a browser requests. Uploads, file and proxy routes, the queue, run
# history and monitoring are not among it, so they cannot be reached.
PAGE = "/"
NEEDED = re.compile(r"/(theme\.css|config|assets/.+|static/.+)?")
HASHED = "/assets/"

# Gradio introduces itself to link previews with pictures from elsewhere, and to phones as an app.
FOREIGN = re.compile(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>|<link rel="manifest"[^>]*>')

HEAD = """<meta charset="utf-8" />
<title>{title}</title>
<meta name="description" content="{description}" />
<link rel="icon" href="/chat/icon.svg" type="image/svg+xml" />
<link rel="stylesheet" href="/chat/colours.css" />
<link rel="stylesheet" href="/chat/chat.css" />
{modules}
<script type="module" src="/chat/chat.js"></script>
{facts}"""

MODULES = ("api", "dom", "host", "passage", "store", "words")
BODY = re.compile(r"<body[^>]*>")

SANS = ("Helvetica Neue", "Helvetica", "Arial", "sans-serif")
MONO = ("ui-monospace", "Menlo", "Consolas", "monospace")


def build_page(service: Service, *, mcp: bool = False) -> gr.Blocks:
    """The Blocks of the page: the conversation, and for MCP the tool `ask`."""
    with gr.Blocks(title=service.film.title, analytics_enabled=False, fill_width=True, fill_height=True) as blocks:
        # Not gr.HTML: its templates are compiled in the browser, which the policy rightly forbids.
        gr.Column(elem_id="conversation")
        if mcp:
            gr.events.api(_tool(service), api_name="ask", queue=False)
    return blocks


def mount_page(app: FastAPI, service: Service, *, mcp: bool = False) -> FastAPI:
    """Mount the page at `/`, behind the gate. Returns the application whose lifespan Gradio needs."""
    gradio = FastAPI(openapi_url=None)
    gr.mount_gradio_app(
        gradio,
        build_page(service, mcp=mcp),
        path=PAGE,
        theme=theme(service.palette),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=mcp,
    )
    app.mount(PAGE, Gate(gradio, service, mcp=mcp))
    return gradio


def theme(palette: Palette) -> gr.Theme:
    """Gradio's own parts in the film's colours, with fonts the visitor already has."""
    base = gr.themes.Base(
        font=[gr.themes.Font(name) for name in SANS], font_mono=[gr.themes.Font(name) for name in MONO]
    )
    paint = {
        "body_background_fill": "ground",
        "body_text_color": "ink",
        "body_text_color_subdued": "soft",
        "background_fill_primary": "ground",
        "background_fill_secondary": "sheet",
        "border_color_primary": "line",
        "button_primary_background_fill": "accent",
        "button_primary_text_color": "on_accent",
        "link_text_color": "accent_ink",
        "loader_color": "accent",
    }
    light = {name: getattr(palette.light, shade) for name, shade in paint.items()}
    dark = {f"{name}_dark": getattr(palette.dark, shade) for name, shade in paint.items()}
    return base.set(**light, **dark)


class Gate:
    """Passes to Gradio what the page needs, as a visitor without origin or query; everything else is not found."""

    def __init__(self, app: ASGIApp, service: Service, *, mcp: bool = False) -> None:
        self.app = app
        self.service = service
        self.mcp = mcp
        self.head = HEAD.format(**_introduction(service.film), modules=modules(), facts=facts_script(service))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        tool = self.mcp and (path == MCP or path.startswith(f"{MCP}/"))
        page = scope["method"] in ("GET", "HEAD") and NEEDED.fullmatch(path)
        if not (tool and self._may_call(scope)) and not page:
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        if tool:
            await self.app(_without(scope, b"origin"), receive, send)
        elif path == PAGE:
            await self._send_page(scope, receive, send)
        else:
            await self.app({**_without(scope, b"origin"), "query_string": b""}, receive, _lasting(path, send))

    def _may_call(self, scope: Scope) -> bool:
        """A browser on another site must not reach the tool through its visitor."""
        origin = Headers(scope=scope).get("origin")
        return origin is None or is_local(origin) or origin in self.service.settings.site_list

    async def _send_page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Gradio's page with our head, and a token for the visitor who has none."""
        start: Message = {}
        body = b""

        async def held(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            page = self._ours(body.decode()).encode()
            headers = MutableHeaders(scope=start)
            headers["content-length"] = str(len(page))
            headers.append("set-cookie", visitor_cookie(self.service, scope))
            await send(start)
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else page})

        plain = {**_without(scope, b"origin", b"accept-encoding"), "query_string": b"", "method": "GET"}
        await self.app(plain, receive, held)

    def _ours(self, page: str) -> str:
        page = FOREIGN.sub("", page).replace('<meta charset="utf-8" />', self.head, 1)
        page = page.replace("shrink-to-fit=no", "interactive-widget=resizes-content", 1)
        return BODY.sub(lambda body: f"{body[0]}<film-chat></film-chat>", page, count=1)


def modules() -> str:
    """Names the script's modules in the head, so that a browser fetches them all at once."""
    return "\n".join(f'<link rel="modulepreload" href="/chat/{name}.js" />' for name in MODULES)


def visitor_cookie(service: Service, scope: Scope) -> str:
    """The Set-Cookie line that keeps a visitor's token for as long as limits count."""
    response = Response()
    secure = scope.get("scheme") == "https"
    response.set_cookie(
        COOKIE, service.token(Request(scope)), max_age=24 * 3600, httponly=True, samesite="lax", secure=secure
    )
    return response.headers["set-cookie"]


def _introduction(film: Film) -> dict[str, str]:
    description = film.greeting or f"Ask about {film.title}."
    return {"title": html.escape(film.title), "description": html.escape(description)}


def _without(scope: Scope, *names: bytes) -> Scope:
    return {**scope, "headers": [pair for pair in scope["headers"] if pair[0] not in names]}


def _lasting(path: str, send: Send) -> Send:
    """Files named by their own hash never change."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and path.startswith(HASHED) and message["status"] == 200:
            MutableHeaders(scope=message)["cache-control"] = "public, max-age=31536000, immutable"
        await send(message)

    return sent


def _tool(service: Service) -> Any:
    async def ask(question: str, request: gr.Request, spoilers: bool = False) -> str:
        """Ask about the film. Answers only from the film's own papers, citing the exact words, or says they are silent.

        Args:
            question: a question about the film, at most 500 characters
            spoilers: True only for someone who has seen the film

        Returns:
            The answer with its citations, as JSON.
        """
        asked = Ask.model_validate({"question": question, "spoilers": spoilers}).to_question()
        address = request.client.host if request.client else "unknown"
        service.limits.spend(None, address)
        return (await service.answer(asked)).model_dump_json()

    return ask
