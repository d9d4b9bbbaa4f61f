"""Zip archives, which Word documents and e-books are: no more is unpacked than a paper can hold."""

from __future__ import annotations

import io
import zipfile

from index.errors import PaperError

MOST_MEGABYTES = 400
MOST_TEXT_MEGABYTES = 64
TEXT = (".xml", ".rels", ".xhtml", ".html", ".htm", ".opf", ".ncx")


def check_size(data: bytes) -> None:
    """Raise PaperError for an archive that says it is far larger unpacked, zipfile.BadZipFile for what is none.

    What an archive says holds: zipfile gives no byte of a file beyond its stated size.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = archive.infolist()
    sizes = {
        MOST_MEGABYTES: sum(file.file_size for file in files),
        MOST_TEXT_MEGABYTES: sum(file.file_size for file in files if file.filename.lower().endswith(TEXT)),
    }
    for most, size in sizes.items():
        if size > most * 2**20:
            raise PaperError(f"unpacked it is {size / 2**20:,.0f} MB, and it may be {most} MB; it may be a zip bomb")
