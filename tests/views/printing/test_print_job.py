"""Tests that a printed sheet shows markup in texts of other people as plain characters."""

from console.views.printing.print_job import PrintedSheet, make_html


def test_foreign_text_is_no_markup() -> None:
    """A text with the characters of HTML tags is printed unchanged, and not interpreted as HTML."""
    html = make_html(PrintedSheet("<b>A</b>", ["<img src=x>"], "me & you", ["<i>"], [["<script>"]]))
    for text in ("<b>", "<img", "<i>", "<script>"):
        assert text not in html
    assert "me &amp; you" in html
