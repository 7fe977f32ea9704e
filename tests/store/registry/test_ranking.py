"""Tests of the ranking of search results by address: its faster method gives the same result as the plain
comparison.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.lookup.registry_query import parse_registry_query
from console.domain.registry.spelling import fold_address, fold_text
from console.store.registry.ranking import CorporationTexts, Rank, Ranking

ADDRESS_CHARACTERS = "町丁目番号の二十1４－ケ々髙"
ADDRESSES = st.text(st.sampled_from(ADDRESS_CHARACTERS), min_size=2, max_size=14)


@settings(max_examples=300)
@given(ADDRESSES, st.data())
def test_a_part_of_an_address_matches_by_its_comparison_form(address: str, data: st.DataObject) -> None:
    """A text matches an address exactly if the comparison form of the text is a part of the comparison form of the
    address.
    """
    start = data.draw(st.integers(0, len(address) - 1))
    part = address[start : data.draw(st.integers(start + 1, len(address)))]
    query = parse_registry_query(part)
    if query.words or query.script_pieces or query.digits or query.number or query.post_code or not fold_text(part):
        return
    form = query.whole_name.address
    expected = Rank.ELSEWHERE if form and form in fold_address(address) else None
    assert Ranking(query).rank(CorporationTexts("1000000000000", "鬱", "", "", address, "")) is expected


def test_a_kana_reading_without_letters_matches_no_name() -> None:
    """A kana reading that consists only of a repetition mark after a symbol has no letters, so it doesn't match the
    beginning of every name."""
    named = CorporationTexts("1000000000000", "鬱", "", "", "", "")
    assert Ranking(parse_registry_query("－々")).rank(named) is None
