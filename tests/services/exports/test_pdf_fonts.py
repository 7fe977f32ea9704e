"""The fonts in a PDF of the program: those whose characters it has, and no other."""

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
    """Part by part: an unused font would be in the file whole, 280 KB."""
    file = io.BytesIO()
    write_pdf_document(file, ExportDocument("見本", (line,), ()))
    content = file.getvalue()
    assert {name for name in ("BIZUDPGothic", "NotoSans") if name.encode() in content} == fonts
    assert len(content) < 100_000
