"""One Settings object: what the environment or the command line says, checked once."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from index.errors import SettingsError

PREFIX = "KARMALINK_"


class Settings(BaseSettings):
    """Paths, models and limits. Raises SettingsError naming the variable, its value and what is allowed."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    documents: Path = Field(Path("documents"), description="folder with the film's papers and film.toml")
    index: Path = Field(Path("index/chroma"), description="folder of the index")
    chroma: str | None = Field(None, description="address of a Chroma server, e.g. http://localhost:8000")
    embedding: str = Field("all-MiniLM-L6-v2", description="sentence-transformers model: name or folder", min_length=1)
    model: str | None = Field(None, description="language model, e.g. ollama:llama3.2, or none for the reader alone")
    deadline: Annotated[float, Field(gt=0, le=600, description="seconds for one answer")] = 20.0
    sites: str = Field("", description="web sites that may embed the chat, e.g. https://film.example")
    limits: str = Field("20/minute;300/day", description="questions a visitor may ask, or off")
    caution: Literal["careful", "balanced", "bold"] = Field("balanced", description="how sure an answer has to be")
    passage_words: Annotated[int, Field(ge=20, le=400, description="words in a passage, about")] = 110
    k: Annotated[int, Field(ge=1, le=100, description="passages read for one question")] = 8

    def __init__(self, **values: Any) -> None:
        ours = [name for name in os.environ if name.upper().startswith(PREFIX)]
        unknown = sorted(name for name in ours if name[len(PREFIX) :].lower() not in type(self).model_fields)
        if unknown:
            allowed = ", ".join(PREFIX + name.upper() for name in type(self).model_fields)
            listed = ", ".join(f"{name}={os.environ[name]!r}" for name in unknown)
            raise SettingsError(f"Unknown setting {listed}. Allowed: {allowed}. Unset it and run the command again.")
        try:
            super().__init__(**values)
        except ValidationError as error:
            lines = [self._line(item, values) for item in error.errors()]
            raise SettingsError("\n".join(lines)) from None

    @classmethod
    def _line(cls, item: Any, values: dict[str, Any]) -> str:
        name = str(item["loc"][0]) if item["loc"] else "settings"
        shown = name if name in values else PREFIX + name.upper()
        if item["type"] == "extra_forbidden":
            return f"Unknown setting {shown}={item['input']!r}. Allowed: {', '.join(cls.model_fields)}."
        reason = item["msg"].removeprefix("Value error, ")
        default = cls.model_fields[name].default if name in cls.model_fields else None
        return f"{shown}={item['input']!r}: {reason}. Default: {str(default)!r}. Change it and run the command again."

    @field_validator("chroma")
    @classmethod
    def _check_chroma(cls, value: str | None) -> str | None:
        if value is not None and not _is_origin(value):
            raise ValueError("not an address of the form http://host:port")
        return value

    @field_validator("sites")
    @classmethod
    def _check_sites(cls, value: str) -> str:
        for site in _split_list(value):
            if site != "*" and not _is_origin(site):
                raise ValueError(f"{site!r} is not a site of the form https://film.example (no path), nor *")
        return value

    @field_validator("limits")
    @classmethod
    def _check_limits(cls, value: str) -> str:
        if value != "off" and value != cls.model_fields["limits"].default:
            from limits import parse_many

            try:
                parse_many(value)
            except ValueError as error:
                raise ValueError("neither off nor limits such as 20/minute;300/day") from error
        return value

    @property
    def build_command(self) -> str:
        """The command that makes the index these settings want."""
        fields = type(self).model_fields
        folders = {"documents": self.documents, "index": self.index}
        changed = {name: str(path) for name, path in folders.items() if path != fields[name].default}
        return " ".join(["karmalink build", *(f"--{name} {shlex.quote(path)}" for name, path in changed.items())])

    @property
    def site_list(self) -> tuple[str, ...]:
        """The sites one by one, without a slash at the end."""
        return tuple(site.rstrip("/") for site in _split_list(self.sites))


def _split_list(value: str) -> list[str]:
    return [part for part in re.split(r"[,\s]+", value) if part]


def _is_origin(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and (parts.port is None or parts.port > 0)
            and parts.path in ("", "/")
            and not (parts.query or parts.fragment or parts.username)
        )
    except ValueError:
        return False
