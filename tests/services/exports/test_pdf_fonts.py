"""Tests that a PDF of the program embeds only the fonts whose characters it uses."""

import io

import pytest

from console.domain.exports.tables import ExportDocument
from console.services.exports.pdf_document import write_pdf_document


@pytest.mark.parametrize(
    ("line", "fonts"),
    [
        ("見本 1,200", {"BIZUDPGothic"}),
        ("₹ 1,200", {"BIZUDPGothic", "NotoSans"}),
    ],
)
def test_only_fonts_that_are_used_are_embedded(line: str, fonts: set[str]) -> None:
    """The PDF embeds only the fonts that it uses, and only the used characters of these fonts; a complete font would
    add 280 KB.
    """
    file = io.BytesIO()
    write_pdf_document(file, ExportDocument("見本", (line,), ()))
    content = file.getvalue()
    assert {name for name in ("BIZUDPGothic", "NotoSans") if name.encode() in content} == fonts
    assert len(content) < 100_000
