"""The page on states."""

from scripts.states_doc import PAGE, render


def test_the_page_shows_the_tables() -> None:
    """docs/states.md is what the tables say; `python -m scripts.states_doc` writes it anew."""
    assert PAGE.read_text(encoding="utf-8") == render()
