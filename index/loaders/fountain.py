"""Fountain screenplays, read by screenplain."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from index.loaders.charset import decode
from index.loaders.script import Script
from index.paper import Loaded

if TYPE_CHECKING:
    from screenplain.types import Dialog  # type: ignore[import-untyped]

# characters that screenplain marks emphasis with while it reads
MAGIC = re.compile("[\ue700-\ue706]")


def load(data: bytes, name: str) -> Loaded:
    from screenplain.parsers.fountain import parse_lines  # type: ignore[import-untyped]
    from screenplain.types import Action, Dialog, DualDialog, Slug, Transition

    source = _without_boneyard(MAGIC.sub("\ufffd", decode(data))).strip()
    play = parse_lines(source.splitlines())
    slugs = [part for part in play if isinstance(part, Slug)]
    title = " ".join(str(line) for line in play.get_rich_attribute("Title"))
    script = Script(" ".join(title.split()) or None, any(slug.scene_number for slug in slugs))
    for key, values in play.title_page.items():
        script.action(f"{key}: {' '.join(str(value) for value in values)}")
    for part in play:
        if isinstance(part, Slug):
            script.scene(str(part.line), str(part.scene_number) if part.scene_number else None)
        elif isinstance(part, Dialog):
            _speech(script, part)
        elif isinstance(part, DualDialog):
            _speech(script, part.left)
            _speech(script, part.right)
        elif isinstance(part, (Action, Transition)):
            script.action("\n".join(str(line).lstrip("~") for line in part.lines))
    return script.loaded()


def _speech(script: Script, part: Dialog) -> None:
    script.speech(str(part.character), "\n".join(str(text).lstrip("~") for _, text in part.blocks))


def _without_boneyard(source: str) -> str:
    """The source without what the writer has struck out, `/* … */`, in one pass whatever is left open."""
    kept = []
    rest = source
    while True:
        before, opened, after = rest.partition("/*")
        struck, closed, following = after.partition("*/")
        kept.append(before)
        if not opened:
            return "".join(kept)
        if not closed:
            return "".join([*kept, opened, after])
        rest = following
