"""Tests that a search result shows the name by which the record was found."""

import pytest

from console.views.app.command_palette import find_matching_name
from console.views.registry.company_list import FoundCompany

COMPANY = FoundCompany("2010401907731", "株式会社みなも堂印刷", True, "", "", "", "", "", "")


@pytest.mark.parametrize(
    ("typed_text", "number", "name"),
    [
        ("みなも堂", COMPANY.corporation_number, COMPANY.name),
        ("銀河", COMPANY.corporation_number, "見本銀河精機"),
        ("みなも堂 銀河", COMPANY.corporation_number, "見本銀河精機"),
        ("みなも堂", "7000012050002", "見本銀河精機"),
    ],
)
def test_a_found_record_shows_the_name_by_which_it_was_found(typed_text: str, number: str, name: str) -> None:
    """If only the present name of the record's company contains the typed text, the result shows this name; otherwise
    the name in the record."""
    assert find_matching_name("見本銀河精機", number, typed_text, (COMPANY,)) == name
