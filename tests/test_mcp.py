"""The assistant as an MCP tool, asked by MCP's own client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from web import PlainIndex, ScriptedChain, running

from index.settings import Settings
from ui.server import create_app

pytest.importorskip("mcp", reason="comes with: pip install -e '.[mcp]'")
pytest_plugins = ["web_fixtures"]

QUOTE = "The film was directed by Inês Carvalho, who grew up beside the salt pans of Aveiro."


@pytest.fixture(scope="module")
def address(salt_road: PlainIndex, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    chain = ScriptedChain(salt_road)
    chain.scripts["Who directed it?"] = chain.quoting("Inês Carvalho", QUOTE)
    with running(create_app(Settings(index=tmp_path_factory.mktemp("mcp"), limits="3/day"), chain, mcp=True)) as where:
        yield where


async def use(address: str, question: str) -> tuple[list[str], Any]:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(f"{address}/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        tools = (await session.list_tools()).tools
        return [tool.name for tool in tools], await session.call_tool(tools[0].name, {"question": question})


def test_the_tool_answers_with_citations_within_limits(address: str) -> None:
    names, result = asyncio.run(use(address, "Who directed it?"))
    assert names == ["ask"]
    given = json.loads(result.content[0].text)
    assert given["answer"] == "Inês Carvalho"
    assert given["citations"][0]["quote"] == QUOTE
    assert asyncio.run(use(address, "x" * 501))[1].isError
    for _ in range(2):
        asyncio.run(use(address, "Who directed it?"))
    assert asyncio.run(use(address, "Who directed it?"))[1].isError


def test_a_site_elsewhere_cannot_use_a_visitors_browser_for_it(address: str) -> None:
    headers = {"origin": "https://evil.example"}
    assert httpx.post(f"{address}/gradio_api/mcp/", json={}, headers=headers).status_code == 404
    for path in ("/gradio_api/queue/join", "/gradio_api/upload", "/gradio_api/run/ask", "/gradio_api/call/ask"):
        assert httpx.post(f"{address}{path}", json={"data": ["Who?"]}).status_code == 404
