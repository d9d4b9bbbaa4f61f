"""Bytes to text, whatever the charset."""

from __future__ import annotations

import codecs

from index.errors import PaperError

BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SAMPLE = 200_000
COMMON = "cp1252"
LARGEST = 32 * 2**20
CONTROLS = frozenset(range(32)) - {9, 10, 11, 12, 13, 27}


def decode(data: bytes) -> str:
    """The text of `data` by its byte order mark, as UTF-8, or as charset-normalizer finds. PaperError for no text."""
    if len(data) > LARGEST:
        raise PaperError(f"it is {len(data) / 2**20:,.0f} MB of text, and a paper may be {LARGEST / 2**20:,.0f} MB")
    for bom, charset in BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(charset, errors="replace")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = _guess(data)
    head = text[:SAMPLE]
    if head and sum(ord(character) in CONTROLS for character in head) > len(head) / 100:
        raise PaperError("it is binary, not text")
    return text


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = data[:SAMPLE]
    matches = from_bytes(sample)
    best = matches.best()
    if best is None:
        raise PaperError("it is binary, not text in any known charset")
    # on a tie between charsets of one family the common one is meant
    common = (match for match in matches if match.encoding == COMMON and match.chaos <= best.chaos)
    return data.decode(next(common, best).encoding, errors="replace")
