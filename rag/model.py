"""A language model by its name: anything LangChain knows, any OpenAI-compatible address, or a file of weights."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from index.errors import SettingsError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

TOKENS = 400  # of one answer: four short sentences, in any script
_NAMED = re.compile(r"(?P<provider>[a-z0-9_]+):(?P<name>.+)", re.DOTALL)
_ADDRESS = re.compile(r"(?P<name>.+?)@(?P<address>https?://\S*)")
_EXAMPLE = "Allowed: provider:name such as ollama:llama3.2, openai:name@http://host:port/v1, gguf:PATH."


@dataclass(frozen=True)
class _Provider:
    """`extra` is what has to be installed, `keys` the variables one of which has to be set, `options` what the model is
    made with; `{deadline}` and `{tokens}` stand for the numbers."""

    extra: str
    keys: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


_USUAL = {"temperature": 0, "timeout": "{deadline}", "max_retries": 0, "max_tokens": "{tokens}"}
_PROVIDERS = {
    # Names of new OpenAI models refuse a temperature, so none is sent.
    "openai": _Provider(
        "karmalink[openai]",
        ("OPENAI_API_KEY",),
        {"timeout": "{deadline}", "max_retries": 0, "max_tokens": "{tokens}", "stream_usage": False},
    ),
    "anthropic": _Provider("karmalink[anthropic]", ("ANTHROPIC_API_KEY",), _USUAL),
    "google_genai": _Provider("karmalink[google]", ("GOOGLE_API_KEY", "GEMINI_API_KEY"), _USUAL),
    "ollama": _Provider(
        "karmalink[ollama]",
        options={"temperature": 0, "num_predict": "{tokens}", "client_kwargs": {"timeout": "{deadline}"}},
    ),
}


@dataclass(frozen=True)
class Model:
    """A chat model and what an Answer calls it: the provider and the name, without address or folder."""

    chat: BaseChatModel
    label: str


def load_model(name: str, deadline: float) -> Model:
    """The model of that name; `deadline` bounds each call, in seconds.

    Raises SettingsError for a name nobody knows, an extra that is not installed, a key that is not set: the message
    names the line that mends it. Nothing is sent anywhere.
    """
    found = _NAMED.fullmatch(name.strip())
    loaders: dict[str, Callable[[str, str, float], Model]] = {"gguf": _file}
    provider, rest = (found["provider"], found["name"]) if found else ("", name.strip())
    address = _ADDRESS.fullmatch(rest)
    if address and provider == "openai":
        return _addressed(name, address["name"], address["address"], deadline)
    return loaders.get(provider, _named)(name, rest, deadline)


def _named(name: str, rest: str, deadline: float) -> Model:
    provider = name.strip().split(":")[0]
    known = _PROVIDERS.get(provider)
    if known and known.keys and not any(os.environ.get(key) for key in known.keys):
        raise SettingsError(f"KARMALINK_MODEL={name!r} needs a key, and none is set. Run: export {known.keys[0]}=…")
    return Model(_made(name, name.strip(), _options(known, deadline) if known else {}), name.strip())


def _addressed(name: str, model: str, address: str, deadline: float) -> Model:
    try:
        parts = urlsplit(address)
        well = bool(parts.hostname) and not parts.username and parts.port != 0
    except ValueError:
        well = False
    if not well:
        raise SettingsError(f"KARMALINK_MODEL={name!r}: {address} is no address of the form http://host:port/v1.")
    options = _options(_PROVIDERS["openai"], deadline)
    # A server of one's own mostly wants no key; the client insists on one.
    options |= {"base_url": address, "api_key": os.environ.get("OPENAI_API_KEY") or "none"}
    return Model(_made(name, f"openai:{model}", options), f"openai:{model}")


def _file(name: str, path: str, deadline: float) -> Model:
    from rag.gguf import load_file

    chat, label = load_file(name, path, TOKENS)
    return Model(chat, label)


def _made(name: str, known_as: str, options: dict[str, Any]) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    provider = known_as.split(":")[0]
    try:
        if provider in _PROVIDERS and find_spec(f"langchain_{provider}") is None:
            # LangChain would take an old class of langchain-community, where that happens to be installed.
            raise ImportError(f"langchain_{provider}")
        made: BaseChatModel = init_chat_model(known_as, **options)
    except ImportError as error:
        raise SettingsError(f"KARMALINK_MODEL={name!r} needs a package. {_install(known_as, error)}") from error
    except (ValueError, TypeError) as error:  # pydantic's ValidationError among them
        raise SettingsError(f"KARMALINK_MODEL={name!r} cannot be used: {_first_line(error)} {_EXAMPLE}") from error
    return made


def _install(known_as: str, error: ImportError) -> str:
    provider = _PROVIDERS.get(known_as.split(":")[0])
    if provider:
        return f"Run: pip install '{provider.extra}'"
    line = re.search(r"`(pip install [^`]+)`", str(error))
    return f"Run: {line[1]}" if line else _first_line(error)


def _options(provider: _Provider, deadline: float) -> dict[str, Any]:
    values = {"{deadline}": deadline, "{tokens}": TOKENS}

    def filled(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: filled(inner) for key, inner in value.items()}
        return values.get(value, value) if isinstance(value, str) else value

    options: dict[str, Any] = filled(provider.options)
    return options


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".") + "."
