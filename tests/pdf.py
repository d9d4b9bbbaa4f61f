"""PDFs for tests, written by hand: what is on a page is what its content stream says."""

from __future__ import annotations

from collections.abc import Sequence

HEADER = b"%PDF-1.7\n"


def pdf(pages: Sequence[str], catalog: str = "", info: str = "") -> bytes:
    """A PDF with one content stream a page; /F1 is Helvetica, /F2 its bold."""
    kids = " ".join(f"{5 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    for number, stream in enumerate(pages):
        objects += [
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> "
            f"/Contents {6 + 2 * number} 0 R >>",
            f"<< /Length {len(stream.encode('cp1252'))} >>\nstream\n{stream}\nendstream",
        ]
    objects.append(f"<< {info} >>")
    body, offsets = bytearray(HEADER), []
    for number, value in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{value}\nendobj\n".encode("cp1252")
    start = len(body)
    body += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    body += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    trailer = f"<< /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>"
    body += f"trailer\n{trailer}\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(body)


def lines(x: float, y: float, *texts: str, size: float = 10, font: str = "F1", leading: float = 12) -> str:
    """A text object: `texts` under each other, the first one's baseline at (x, y)."""
    shown = " ".join(f"({text}) Tj T*" for text in texts)
    return f"BT /{font} {size} Tf {leading} TL {x} {y} Td {shown} ET\n"
