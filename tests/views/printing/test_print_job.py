"""The print shows markup in foreign text as plain characters."""

from console.views.printing.print_job import PrintedSheet, make_html


def test_foreign_text_is_no_markup() -> None:
    """A name with signs of HTML is printed as it is."""
    html = make_html(PrintedSheet("<b>A</b>", ["<img src=x>"], "me & you", ["<i>"], [["<script>"]]))
    for text in ("<b>", "<img", "<i>", "<script>"):
        assert text not in html
    assert "me &amp; you" in html
