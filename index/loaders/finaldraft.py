"""Final Draft screenplays (FDX): XML, read by defusedxml."""

from __future__ import annotations

from typing import TYPE_CHECKING

from index.errors import PaperError
from index.loaders.script import Script
from index.paper import Loaded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from xml.etree.ElementTree import Element

SPOKEN = frozenset({"Dialogue", "Parenthetical", "Lyrics", "Singing"})


def load(data: bytes, name: str) -> Loaded:
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
    from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

    try:
        root: Element = fromstring(data)
    except DefusedXmlException as error:
        raise PaperError(f"its XML defines entities, which no screenplay needs ({type(error).__name__})") from None
    except (ParseError, ValueError, LookupError) as error:
        raise PaperError(f"its XML is malformed ({error}); save it again in Final Draft") from None
    content = root.find("Content")
    if root.tag != "FinalDraft" or content is None:
        raise PaperError("it is XML, but no Final Draft screenplay")
    parts = list(_paragraphs(content))
    script = Script(_title(root), any(part.get("Type") == "Scene Heading" and part.get("Number") for part in parts))
    _read(script, parts)
    return script.loaded()


def _read(script: Script, parts: Sequence[Element]) -> None:
    # a scene runs on to the page on which the next one begins
    pages = [page for page in map(_page, parts) if page]
    waiting = iter([*pages[1:], None])
    character: str | None = None
    spoken: list[str] = []
    for part in parts:
        kind, text, page = part.get("Type"), _text(part), _page(part)
        if kind in SPOKEN and character is not None:
            spoken.append(text)
            continue
        if character is not None:
            script.speech(character, "\n".join(filter(None, spoken)))
            character, spoken = None, []
        if page:
            script.pages(page, next(waiting))
        if kind == "Scene Heading":
            script.scene(text, part.get("Number"))
        elif kind == "Character":
            character = text
        else:
            script.action(text)
    if character is not None:
        script.speech(character, "\n".join(filter(None, spoken)))


def _page(part: Element) -> str | None:
    properties = part.find("SceneProperties")
    return properties.get("Page") if properties is not None else None


def _paragraphs(content: Element) -> Iterator[Element]:
    """Paragraphs in order; the two speeches of a dual dialogue stand inside a paragraph of their own."""
    for part in content.findall("Paragraph"):
        dual = part.find("DualDialogue")
        yield from dual.findall("Paragraph") if dual is not None else (part,)


def _text(part: Element) -> str:
    return "".join(text.text or "" for text in part.findall("Text")).strip()


def _title(root: Element) -> str | None:
    """The first words of the title page."""
    page = root.find("TitlePage/Content")
    texts = (_text(part) for part in page.findall("Paragraph")) if page is not None else ()
    return next((" ".join(text.split()) for text in texts if text), None)
