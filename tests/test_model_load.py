"""A model by its name: what is allowed, and the line that mends what is not."""

from __future__ import annotations

import pytest

from index.errors import SettingsError
from index.settings import Settings
from rag.chain import build_chain
from rag.model import load_model


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("openai:gpt-5-mini", "export OPENAI_API_KEY="),
        ("anthropic:claude-sonnet-4-5", "export ANTHROPIC_API_KEY="),
        ("google_genai:gemini-2.5-flash", "export GOOGLE_API_KEY="),
        ("openai:m@http://", "http://host:port/v1"),
        ("openai:m@http://user:pass@host/v1", "http://host:port/v1"),
        ("openai:m@http://host:99999/v1", "http://host:port/v1"),
        ("nosuch:model", "Allowed: provider:name"),
        ("model", "Allowed: provider:name"),
        (":", "Allowed: provider:name"),
        ("gguf:/no/such/file.gguf", "gguf"),
    ],
)
def test_a_model_that_is_not_there_names_the_line_that_mends_it(
    name: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(SettingsError) as caught:
        load_model(name, 5.0)
    assert name in str(caught.value) and line in str(caught.value)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("name", "module", "key", "line"),
    [
        ("openai:x", "langchain_openai", "OPENAI_API_KEY", "pip install 'karmalink[openai]'"),
        ("anthropic:x", "langchain_anthropic", "ANTHROPIC_API_KEY", "pip install 'karmalink[anthropic]'"),
        ("google_genai:x", "langchain_google_genai", "GEMINI_API_KEY", "pip install 'karmalink[google]'"),
        ("ollama:x", "langchain_ollama", "UNUSED", "pip install 'karmalink[ollama]'"),
        ("groq:x", "langchain_groq", "UNUSED", "pip install langchain-groq"),
    ],
)
def test_a_missing_extra_names_its_line(
    name: str, module: str, key: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from langchain.chat_models import base

    base._get_chat_model_creator.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, module, None)
    monkeypatch.setenv(key, "a-key")
    with pytest.raises(SettingsError) as caught:
        load_model(name, 5.0)
    base._get_chat_model_creator.cache_clear()
    assert line in str(caught.value) and "a-key" not in str(caught.value)


def test_the_chain_has_a_writer_where_a_model_is_set(built_settings: Settings) -> None:
    settings = built_settings.model_copy(update={"model": "openai:tiny@http://127.0.0.1:9/v1"})
    chain = build_chain(settings)
    assert chain.writer.model.label == "openai:tiny"
    answer = chain.invoke("How long is the film?")
    # Nobody listens there: the reader answers, and nobody is told an address.
    assert answer.answered_by != "openai:tiny"
    assert "127.0.0.1" not in answer.model_dump_json()
    chain.index.close()
