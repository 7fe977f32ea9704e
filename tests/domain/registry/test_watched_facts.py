"""Tests the texts of alerts about changed corporations over all combinations of changed facts."""

from datetime import date
from itertools import product

import pytest

from console.domain.registry.corporations import CloseCause, Closure
from console.domain.registry.watched_facts import WatchedFacts, find_changed_watched_facts, format_observed_change
from console.wording.sentences.catalogue import LANGUAGES, format_finding

LONG_TEXT = "株式会社" + "見本" * 73
CLOSURES = (None, Closure(date(2026, 10, 31), CloseCause.LIQUIDATION), Closure(date(2026, 11, 2), CloseCause.MERGER))
STATES = tuple(
    WatchedFacts(name, address, closure, successor, name_image_id, is_deleted=is_deleted)
    for (name, name_image_id), address, closure, successor, is_deleted in product(
        ((LONG_TEXT, ""), ("", "00000001")),
        (LONG_TEXT, "東京都千代田区"),
        CLOSURES,
        (None, "8700110005901", "1180301018771"),
        (False, True),
    )
)


@pytest.mark.parametrize("successor_name", ["", LONG_TEXT])
def test_every_change_of_a_corporation_has_a_text(successor_name: str) -> None:
    """The alert about a changed corporation has a text exactly if a fact has changed. The text fits its column."""
    for before, after in product(STATES, STATES):
        observed = format_observed_change(before, after, successor_name)
        assert bool(observed) == bool(find_changed_watched_facts(before, after)), (before, after)
        assert len(observed) <= 255


def test_every_text_of_a_change_is_translated() -> None:
    """The catalogue has the text of each alert about a changed corporation in both languages."""
    texts = {format_observed_change(before, after, "見本") for before, after in product(STATES, STATES)} - {""}
    for text, language in product(texts, LANGUAGES):
        words = format_finding(text, language)
        assert words
        assert "finding." not in words
        assert "company " not in words
