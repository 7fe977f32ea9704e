"""Tests of the texts about a record on which our record, the provider and the order disagree."""

import pytest

from console.domain.queues.mismatches import Mismatch
from console.wording.mismatches import format_mismatch


@pytest.mark.parametrize(("language", "bracket"), [("en", "("), ("ja", "（")])
def test_the_facts_of_a_case_come_before_its_rule(language: str, bracket: str) -> None:
    """A column of a list cuts the end of a long text. The observed and the expected value of a case are therefore
    before the words of its rule, which many rows have in common."""
    mismatch = Mismatch((), "not_moved", "order pending; payment completed 3300 JPY", "order paid")
    text = format_mismatch(object(), mismatch, language)
    assert "3,300" in text.partition("≠")[0], text
    assert text.index("≠") < text.rindex(bracket), text
