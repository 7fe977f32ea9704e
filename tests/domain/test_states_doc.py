"""Tests of the documentation page about states."""

from scripts.states_doc import STATES_PAGE_FILE, render_states_page


def test_the_page_about_states_has_the_tables_of_the_code() -> None:
    """The page docs/states.md shows the present transition tables; `python -m scripts.states_doc` writes the page
    again.
    """
    assert STATES_PAGE_FILE.read_text(encoding="utf-8") == render_states_page()
