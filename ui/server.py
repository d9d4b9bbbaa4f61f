"""The server: page, API, widget and demo as one FastAPI application, and `karmalink serve`."""

from __future__ import annotations

import errno
import html
import json
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

from index.errors import InputError
from index.film import PaperMeta
from index.settings import Settings
from ui import api, openai, sorry
from ui.colour import palette
from ui.headers import BODY, LOCAL_ORIGINS, KnownHosts, SafeHeaders
from ui.page import modules, mount_page, visitor_cookie
from ui.service import Service

STATIC = Path(__file__).parent / "static"

ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="8" fill="{accent}"/>
<path d="M8 8h16a3 3 0 0 1 3 3v8a3 3 0 0 1-3 3h-7l-6 5v-5H8a3 3 0 0 1-3-3v-8a3 3 0 0 1 3-3z" fill="{on_accent}"/>
<path d="M14 11.5v7l6-3.5z" fill="{accent}"/></svg>"""


def create_app(
    settings: Settings | None = None,
    chain: Any = None,
    *,
    mcp: bool = False,
    log: bool = True,
    host: str = "127.0.0.1",
) -> FastAPI:
    """The whole application. `chain` is one as `rag.build_chain` makes it, built from the settings if not given."""
    settings = settings or Settings()
    if chain is None:
        from rag.chain import build_chain

        chain = build_chain(settings)
    service = Service.build(settings, chain, log=log)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with gradio.router.lifespan_context(gradio):
            yield
        service.desk.close()

    app = FastAPI(
        title=f"{service.film.title}: the film's papers, answering",
        description="Every answer shows the exact words of the papers it rests on; where they are silent it says so.",
        version="1",
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        max_body_size=BODY,
    )
    app.state.service = service
    sorry.install(app)
    app.include_router(api.routes(service))
    app.include_router(openai.routes(service))
    _add_pages(app, service)
    app.mount("/chat", StaticFiles(directory=STATIC / "chat"), name="chat")
    gradio = mount_page(app, service, mcp=mcp)

    sites = settings.site_list
    app.add_middleware(
        CORSMiddleware,
        allow_origins=sites,
        allow_origin_regex=None if sites else LOCAL_ORIGINS,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=["retry-after"],
    )
    app.add_middleware(KnownHosts, sites=sites, host=host)
    app.add_middleware(SafeHeaders, sites=sites)
    return app


def _add_pages(app: FastAPI, service: Service) -> None:
    """The pages that are not Gradio's: for the widget, for its demonstration, and the API's own description."""
    film, shades = service.film, service.palette.light
    facts = {
        "title": film.title,
        "greeting": film.greeting or f"Ask about {film.title}.",
        "accent": shades.accent,
        "on_accent": shades.on_accent,
    }
    filled = {name: html.escape(value) for name, value in facts.items()}
    script = _widget(service)
    sites = html.escape(" ".join(service.settings.site_list))

    def page(name: str, **more: str) -> HTMLResponse:
        return HTMLResponse(Template((STATIC / name).read_text()).substitute(filled, **more))

    @app.get("/embed", include_in_schema=False)
    async def embed(request: Request, colour: str | None = None) -> Response:
        shade = f"?{urlencode({'colour': colour})}" if colour else ""
        token = html.escape(service.token(request))
        more = {"token": token, "sites": sites, "colour": html.escape(shade)}
        response = page("embed.html", **more, facts=api.facts_script(service), modules=modules())
        response.headers.append("set-cookie", visitor_cookie(service, request.scope))
        return response

    @app.get("/demo", include_in_schema=False)
    async def demo(request: Request) -> Response:
        papers = "".join(map(_paper, service.papers.values()))
        more = {"starters": "".join(map(_starter, film.starters)), "papers": papers}
        origin = html.escape(str(request.base_url).rstrip("/"))
        return page("demo.html", **more, origin=origin, contact=html.escape(film.contact or ""))

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> Response:
        return page("docs.html")

    @app.get("/widget.js", include_in_schema=False)
    async def widget() -> Response:
        headers = {"cross-origin-resource-policy": "cross-origin", "cache-control": "public, max-age=3600"}
        return Response(script, media_type="text/javascript", headers=headers)

    @app.get("/chat/colours.css", include_in_schema=False)
    async def colours(colour: str | None = None) -> Response:
        return Response((palette(colour) if colour else service.palette).css(), media_type="text/css")

    @app.get("/favicon.ico", include_in_schema=False)
    @app.get("/chat/icon.svg", include_in_schema=False)
    async def icon() -> Response:
        return Response(ICON.format(**vars(shades)), media_type="image/svg+xml")


def _widget(service: Service) -> str:
    """The widget, knowing its film: a visitor who never opens it asks this server for nothing more."""
    words = {"title": service.film.title, "ask": "Ask about", "close": "Close the chat"}
    shades = {name: vars(getattr(service.palette, name)) for name in ("light", "dark")}
    return (STATIC / "widget.js").read_text().replace('"__FILM__"', json.dumps({**words, **shades}), 1)


def _starter(question: str) -> str:
    text = html.escape(question)
    return f'<li><button type="button" data-ask="{text}">{text}</button></li>'


def _paper(paper: PaperMeta) -> str:
    facts = [html.escape(fact) for fact in (paper.publisher, paper.kind, paper.date) if fact]
    return f"<li>{html.escape(paper.title or '')} <span>{', '.join(facts)}</span></li>"


def serve(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 7860,
    browser: bool = True,
    mcp: bool = False,
    log: bool = True,
) -> int:
    """Serve until stopped: the chain built once, its first answer given before the address is printed, and those to the
    other starters soon after.

    Raises IndexMissing and its kin before anything listens, InputError when the port cannot be had.
    """
    import uvicorn

    with _listen(host, port) as listener:
        app = create_app(settings, mcp=mcp, log=log, host=host)
        _warm_up(app.state.service)
        address = _address(host, listener.getsockname()[1])
        print(f"{app.state.service.film.title}: {address}", flush=True)
        if mcp:
            print(f"MCP: {address}gradio_api/mcp/", flush=True)
        if browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3, server_header=False)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """A listening socket, taken first: a port in use is known before models are loaded."""
    if not 0 <= port < 2**16:
        raise InputError(f"Port {port} is not a number from 0 to 65535. Choose one: karmalink serve --port 7860")
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except OSError as error:
        raise InputError(f"{host} is no address of this machine: {error}. Try: karmalink serve") from None
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen()
    except OSError as error:
        listener.close()
        reason = "is in use" if error.errno == errno.EADDRINUSE else f"cannot be had ({error.strerror})"
        raise InputError(f"Port {port} on {host} {reason}. Choose another: karmalink serve --port {port + 1}") from None
    return listener


def _address(host: str, port: int) -> str:
    """Where a browser on this machine finds the server."""
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://[{shown}]:{port}/" if ":" in shown else f"http://{shown}:{port}/"


def _warm_up(service: Service) -> None:
    """One question before the doors open, so that the first visitor waits no longer than the others; then the other
    starters, which most visitors begin with."""
    first, *others = service.film.starters or [f"What is {service.film.title} about?"]
    service.desk.learn([first])
    if not service.settings.model:  # its answers are not kept, and each of them may cost money
        threading.Thread(target=service.desk.learn, args=(others,), daemon=True).start()
