"""Tests of the search by an address with numbers: a corporation is found by each part of its address, also if the
index has no term of a number in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.domain.lookup.registry_query import parse_registry_query
from console.domain.registry.spelling import fold_address
from console.store.registry import search as search_module
from console.store.registry.ranking import CorporationTexts, Rank, Ranking
from console.store.registry.reader import RegistryReader
from console.store.registry.search_expressions import FullTextExpressions
from console.store.registry.search_index import list_terms_of_folded_address
from tests.store.registry.files import (
    make_corporation_number,
    make_registry,
    make_row,
)

CLOSURE_FIELDS = {"close_date": "2020-01-31", "close_cause": "01", "process": "21"}
KISO_FIELDS = {
    "prefecture_name": "長野県", "prefecture_code": "20", "city_name": "木曽郡木祖村", "city_code": "425",
    "post_code": "3996201",
}  # fmt: skip
FIELDS_ABROAD = dict.fromkeys(
    ("prefecture_name", "prefecture_code", "city_name", "city_code", "street_number", "post_code"), ""
)


def make_place_fields(prefecture: str, city: str, street: str) -> dict[str, str]:
    if not prefecture:
        return {**FIELDS_ABROAD, "address_outside": street, "kind": "401"}
    return {"prefecture_name": prefecture, "city_name": city, "street_number": street}


TEXTS_AND_FIELDS = [
    (("木祖村123番地", "長野県木曽郡木祖村１２３番地", "木祖村12"), {**KISO_FIELDS, "street_number": "１２３番地"}),
    (("大字薮原123番地",), {**KISO_FIELDS, "street_number": "大字薮原１２３番地"}),
    (("木祖村三丁目１番", "木祖村3-1"), {**KISO_FIELDS, "street_number": "三丁目１番"}),
    (("薮原二十三丁目５番", "薮原23-5"), {**KISO_FIELDS, "street_number": "薮原二十丁目５番薮原二十三丁目５番"}),
    (("木祖村一番地",), {**KISO_FIELDS, "street_number": "一番地"}),
    (("木祖村234番地",), {**KISO_FIELDS, "street_number": "－２３４番地"}),
    (("薮原124番地", "薮原（１２４番地）"), {**KISO_FIELDS, "street_number": "薮原（１２４番地）"}),
    (("薮原125番地",), {**KISO_FIELDS, "street_number": "薮原　１２５番地"}),
    (("薮原１２６番地（１階）",), {**KISO_FIELDS, "street_number": "薮原１２６番地（１階）"}),
    (("薮原127番地・128番地合併",), {**KISO_FIELDS, "street_number": "薮原１２７番地・１２８番地合併"}),
    (("コーポＡ－１０１", "薮原130コーポa101"), {**KISO_FIELDS, "street_number": "薮原１３０番地コーポＡ－１０１"}),
    (("薮原131番地タワー10階", "タワー１"), {**KISO_FIELDS, "street_number": "薮原１３１番地タワー１０階"}),
    (("木祖村佐々133",), {**KISO_FIELDS, "street_number": "佐々１３３番地"}),
    (("字鎌ケ134",), {**KISO_FIELDS, "street_number": "字鎌ケ１３４番地"}),
    (("薮原1-2甲1", "薮原１－２甲12"), {**KISO_FIELDS, "street_number": "薮原１－２甲１２"}),
    (("薮原⑨",), {**KISO_FIELDS, "street_number": "薮原⑨"}),
    (("薮原00", "薮原0077"), {**KISO_FIELDS, "street_number": "薮原００７７"}),
    (("薮原1234567番地",), {**KISO_FIELDS, "street_number": "薮原１２３４５６７番地"}),
    (("龍ケ崎市3710番地", "竜ヶ崎市3710"), make_place_fields("茨城県", "龍ケ崎市", "３７１０番地")),
    (("千代田区9番1",), make_place_fields("東京都", "千代田区", "９番１号")),
    (("神津島村904",), make_place_fields("東京都", "神津島村", "９０４番地")),
    (("宇治田原町1",), make_place_fields("京都府", "綴喜郡宇治田原町", "１番地")),
    (("上川郡77",), make_place_fields("北海道", "上川郡", "７７")),
    (("岐阜県88番地",), make_place_fields("岐阜県", "", "８８番地")),
    (("シンガポール123456",), {**FIELDS_ABROAD, "kind": "401", "address_outside": "シンガポール　１２３４５６"}),
    (("pier 12", "Ｐｉｅｒ－１２"), make_place_fields("", "", "Ｐｉｅｒ－１２")),
]  # fmt: skip


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryReader]:
    rows = [make_row(index, name=f"見本{index}", **fields) for index, (_, fields) in enumerate(TEXTS_AND_FIELDS)]
    reader = make_registry(tmp_path_factory.mktemp("registry"), rows)
    yield reader
    reader.close()


def search_numbers(registry: RegistryReader, text: str, **others: object) -> list[str]:
    """Search the registry for the text; `others` are further arguments of the search. Return the numbers of the found
    corporations. Check that the search that returns only corporation numbers finds the same ones.
    """
    results = registry.search(text, **others)  # type: ignore[arg-type]
    numbers, other_spelling = registry.search_corporation_numbers(text, **{"limit": 50} | others)  # type: ignore[arg-type]
    assert (numbers, other_spelling) == (tuple(one.number for one in results), "")
    return list(numbers)


def rank_address(text: str, address: str) -> Rank | None:
    return Ranking(parse_registry_query(text)).rank(CorporationTexts("1000000000000", "鬱", "", "", address, ""))


@pytest.mark.parametrize(
    ("index", "text"), [(index, text) for index, (texts, _) in enumerate(TEXTS_AND_FIELDS) for text in texts]
)
def test_an_address_is_found_by_its_numbers(registry: RegistryReader, index: int, text: str) -> None:
    """A corporation is found by a part of its address with numbers: also if a number directly follows the city, a
    bracket, a space or a hyphen, or if the comparison form writes it in another way. The ranking confirms it."""
    fields = dict(
        zip(("prefecture", "city", "street"), ("prefecture_name", "city_name", "street_number"), strict=True)
    )
    published = {"prefecture_name": "東京都"} | TEXTS_AND_FIELDS[index][1]
    address = "".join(published[name] for name in fields.values()) or published["address_outside"]
    assert rank_address(text, address) is Rank.ELSEWHERE
    assert make_corporation_number(index) in search_numbers(registry, text)


@pytest.mark.parametrize("text", ["木祖村122番地", "木祖村24番地", "木祖村123番地4", "龍ケ崎市70番地", "薮原12-4"])
def test_another_number_is_not_found(registry: RegistryReader, text: str) -> None:
    """A text with another number than that of the address finds nothing, although the search also reads rows without
    the number's term."""
    assert search_numbers(registry, text) == []


def test_a_number_may_be_a_word_of_its_own(tmp_path: Path) -> None:
    """A number of an address may be typed as a word beside a name or a place. Better ranks come first, also if the
    index has no term of the number."""
    rows = [
        make_row(0, name="長い緑川", **KISO_FIELDS, street_number="大字薮原１２３番地４５"),
        make_row(1, name="緑川", **KISO_FIELDS, street_number="大字薮原１２３番地４５"),
        make_row(2, name="緑川", **KISO_FIELDS, street_number="大字薮原１２４番地", **CLOSURE_FIELDS),
        make_row(3, name="緑川", **KISO_FIELDS, street_number="（１２３）", **CLOSURE_FIELDS),
        make_row(4, name="緑川123", **KISO_FIELDS, street_number="大字薮原"),
    ]
    registry = make_registry(tmp_path, rows)
    first, second, third, closed, by_name = map(make_corporation_number, range(5))
    assert search_numbers(registry, "緑川 123番地") == [second, closed, first]
    assert search_numbers(registry, "緑川 薮原 123") == [second, by_name, first]
    assert search_numbers(registry, "緑川 薮原 123", prefecture="長野") == [second, by_name, first]
    assert search_numbers(registry, "緑川 薮原 123", prefecture="東京") == []
    assert search_numbers(registry, "緑川 薮原123") == [second, first]
    assert search_numbers(registry, "緑川 木祖村123") == [closed]
    assert search_numbers(registry, "薮原 緑川 123-4") == [second, first]
    assert search_numbers(registry, "緑川 124番地", our_numbers=[third]) == [third]
    registry.close()


def test_a_number_after_a_large_city_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a number directly follows the city, the search reads more rows than it usually verifies, because the row can
    be any of the city. It reads at most _MAX_ROWS_OF_PLACE of them."""
    rows = [make_row(index, **KISO_FIELDS, street_number=f"薮原{index}番地") for index in range(20)]
    rows += [make_row(20, **KISO_FIELDS, street_number="１２３番地", **CLOSURE_FIELDS)]
    registry = make_registry(tmp_path, rows)
    monkeypatch.setattr(search_module, "MAX_CANDIDATES", 5)
    texts = ("木祖村123番地", "長野県木曽郡木祖村123", "見本 木祖村123")
    assert [search_numbers(registry, text) for text in texts] == [[make_corporation_number(20)]] * 3
    assert search_numbers(registry, "木祖村 見本 123番地") == []
    monkeypatch.setattr(search_module, "_MAX_ROWS_OF_PLACE", 20)
    assert [search_numbers(registry, text) for text in texts] == [[]] * 3
    registry.close()


@pytest.mark.parametrize(("text", "term"), [("薮原1", '"@原1"'), ("木祖村21世紀", '"@村21"'), ("薮原", '"@薮原"')])
def test_rows_without_the_number_are_read_only_if_they_are_needed(tmp_path: Path, text: str, term: str) -> None:
    """The search doesn't read the index without the terms of numbers if it has all requested results, or if the text
    has no numbers."""
    rows = [make_row(index, **KISO_FIELDS, street_number=f"薮原１－{index}木祖村２１世紀") for index in range(30)]
    registry = make_registry(tmp_path, rows)
    statements: list[str] = []
    registry.run_query(lambda connection, _: connection.set_trace_callback(statements.append))
    assert len(registry.search(text, limit=10)) == 10
    readings = [statement for statement in statements if " MATCH " in statement and "@" in statement]
    assert len(readings) == len(set(readings)) > 0
    assert [statement for statement in readings if term not in statement] == []
    registry.close()


def test_an_expression_without_numbers_has_the_terms_of_town_and_building() -> None:
    """An expression that doesn't require numbers has the pairs of city, town and building, because those of the city
    alone would find too many rows."""
    query = parse_registry_query("大宮区八幡町６丁目３－６第２ビル６階")
    with_numbers, without_numbers = (
        FullTextExpressions({}, requires_numbers=requires_numbers).list_expressions_of_all_ranks(query)[0]
        for requires_numbers in (True, False)
    )
    assert '"@町6" AND "@第2" AND "@ル6"' in with_numbers
    assert '("@ビル" AND' not in with_numbers
    assert '("@大宮" AND "@宮区" AND "@区八" AND "@八幡" AND "@幡町" AND "@ビル")' in without_numbers


STREETS = st.text(st.sampled_from("１２３０十三丁目番地号の薮ケ々（）　－ー・Ａビ①"), max_size=9)
PLACES = st.sampled_from([("長野県", "木祖村"), ("茨城県", "龍ケ崎市"), ("岐阜県", ""), ("", "")])


@given(addresses=st.lists(st.tuples(PLACES, STREETS), min_size=1, max_size=20))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_an_address_is_found_by_each_part(
    tmp_path_factory: pytest.TempPathFactory, addresses: list[tuple[tuple[str, str], str]]
) -> None:
    """A corporation is found by each part of its address that has two neighbouring characters which are neither
    digits nor units of numbers."""
    rows = [
        make_row(index, name="鬱", furigana="", **make_place_fields(*place, street))
        for index, (place, street) in enumerate(addresses)
    ]
    registry = make_registry(tmp_path_factory.mktemp("addresses"), rows)
    for index, ((prefecture, city), street) in enumerate(addresses):
        address = f"{prefecture}{city}{street}"
        ends = range(len(prefecture + city) + 1, len(address) + 1)
        for part in {address[start:end] for end in ends for start in range(end)}:
            form = parse_registry_query(part).whole_name.address
            if list_terms_of_folded_address(form) and form in fold_address(address):
                assert make_corporation_number(index) in {one.number for one in registry.search(part)}, (
                    part,
                    address,
                )
    registry.close()
