"""Tests of the comparison forms that the registry stores: they change neither the terms of the search index nor the
results of a search."""

import sqlite3
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.lookup.registry_query import parse_registry_query
from console.domain.registry.spelling import fold_address, list_comparison_forms
from console.store.registry.file_rows import FileColumns
from console.store.registry.folded_texts import extract_folded_address, fold_columns, fold_names, fold_streets
from console.store.registry.import_files import import_registry_files
from console.store.registry.ranking import CorporationTexts, Ranking
from console.store.registry.reader import open_registry
from console.store.registry.registry_file import find_registry_file, open_for_writing
from console.store.registry.schema import (
    INSERT_CORPORATION_STATEMENT,
    PlaceIds,
    convert_to_stored_rows,
    create_tables,
    has_folded_texts,
)
from console.store.registry.search_filter import make_filter_condition
from console.store.registry.search_index import (
    CLOSED_TERMS_TABLE,
    OPEN_TERMS_TABLE,
    TextsRow,
    create_search_index,
    index_new_rows,
    list_character_pairs,
    make_terms_of_columns,
    make_terms_of_rows,
    unindex_rows,
)
from tests.store.registry.files import WHOLE_FILE_NAME, make_corporation_number, make_row, write_file

NAME_TEXTS = st.text(st.sampled_from("株式会社緑川霞ヶヴァ々佐木髙ーカけガャッＡｂ・１゛ｶﾞ"), max_size=9)
NAMES_OF_OWN_CHARACTERS = st.text(st.sampled_from("緑川佐木カガ"), min_size=2, max_size=6)
ENGLISH_NAMES = st.sampled_from(["", "Cherry Works Co., Ltd.", "Harbor", "K.K. É-Z"])
ADDRESSES = st.sampled_from(["東京都", "北海道龍ケ崎市", "大阪市", "緑か丘町", "", "甲村ケ", "佐々", "三市"])
STREET_TEXTS = st.text(st.sampled_from("町丁目番地号の二十1４０－ケか々髙ヶ①丘"), max_size=12)


@st.composite
def draw_rows(draw: st.DrawFn) -> list[str]:
    return make_row(
        0, name=draw(NAME_TEXTS | NAMES_OF_OWN_CHARACTERS), furigana=draw(NAME_TEXTS | NAMES_OF_OWN_CHARACTERS),
        en_name=draw(ENGLISH_NAMES),
        prefecture_name=draw(ADDRESSES), city_name="",
        street_number=draw(STREET_TEXTS), address_outside=draw(STREET_TEXTS), post_code=draw(st.sampled_from(["",
        "0640941"])),
    )  # fmt: skip


def make_part_strategy(fields: FileColumns) -> st.SearchStrategy[str]:
    """Return a Hypothesis strategy for typed texts. A typed text is a part of one of the corporation's texts, alone
    or with a part of another one."""
    columns = fields.name, fields.furigana, fields.furigana, fields.en_name, fields.address_outside, fields.post_code
    values = [column[0] for column in columns]
    values.append(fields.prefecture_name[0] + fields.street_number[0])

    def make_strategy(text: str) -> st.SearchStrategy[str]:
        places = st.integers(0, len(text))
        return st.tuples(places, places).map(lambda ends: text[min(ends) : max(ends)])

    part = st.sampled_from(values).flatmap(make_strategy)
    return part | st.tuples(part, part).map(" ".join)


@settings(max_examples=150, deadline=None)
@given(draw_rows(), st.data())
def test_every_match_fulfils_the_search_condition(fields: list[str], data: st.DataObject) -> None:
    """Each corporation that the ranking matches with a typed text also fulfils the SQL condition of the search."""
    columns = FileColumns(*((value,) for value in fields))
    query = parse_registry_query(data.draw(make_part_strategy(columns)))
    address = "".join((*columns.prefecture_name, *columns.city_name, *columns.street_number))
    texts = CorporationTexts(
        fields[1], columns.name[0], columns.furigana[0], columns.en_name[0], address or columns.address_outside[0],
        columns.post_code[0],
    )  # fmt: skip
    if Ranking(query).rank(texts) is None:
        return
    condition, values = make_filter_condition(query)
    with closing(sqlite3.connect(":memory:")) as connection:
        create_tables(connection)
        stored_rows = convert_to_stored_rows(columns, fold_columns(columns), PlaceIds(connection))
        connection.executemany(INSERT_CORPORATION_STATEMENT, stored_rows)
        stored = "SELECT count(*) FROM corporations c JOIN places p ON p.id = c.place_id WHERE "
        assert connection.execute(stored + condition, values).fetchone() == (1,)


@settings(max_examples=150)
@given(draw_rows())
def test_the_stored_address_is_the_comparison_form_of_the_whole(fields: list[str]) -> None:
    """The stored form of an address equals the comparison form of the whole address, so that the ranking gives the
    same result with both."""
    columns = FileColumns(*((value,) for value in fields))
    folded = fold_columns(columns)
    address = "".join((*folded.prefecture_and_city_texts, *columns.street_number)) or columns.address_outside[0]
    (street,) = fold_streets(columns, folded)
    assert extract_folded_address(fold_address(folded.prefecture_and_city_texts[0]) + street) == fold_address(address)


@settings(max_examples=100)
@given(st.lists(draw_rows(), min_size=1, max_size=4))
def test_terms_made_with_stored_forms_equal_terms_made_without_them(published: list[list[str]]) -> None:
    """The terms of the search index that are made from several rows together, with their stored comparison forms,
    equal those that are made from each row alone without its stored forms."""
    columns = FileColumns(*zip(*published, strict=True))
    folded_names = fold_names(columns, fold_columns(columns))
    texts = columns.name, columns.furigana, columns.en_name, columns.street_number, folded_names
    stored: list[TextsRow] = [
        (1, name, furigana, english_name, "13", "東京都", street, 640941, folded, 0)
        for name, furigana, english_name, street, folded in zip(*texts, strict=True)
    ]
    term_lists = [sorted(terms.split()) for terms in make_terms_of_rows(stored)]
    assert term_lists == [sorted(make_terms_of_rows([(*one[:8], None, 0)])[0].split()) for one in stored]
    for terms, one in zip(term_lists, stored, strict=True):
        pairs = {pair for reading in list_comparison_forms(one[1]) for pair in list_character_pairs(reading)}
        assert pairs <= set(terms) >= {"#064", "#0640941", "=13", "@東京", "@京都"}


@settings(max_examples=100)
@given(st.lists(draw_rows(), min_size=1, max_size=4))
def test_terms_of_a_file_equal_terms_of_its_stored_rows(published: list[list[str]]) -> None:
    """The terms made from a file's rows equal the terms made from the stored rows. So the import of a difference,
    which has only the stored rows, can remove all of them."""
    columns = FileColumns(*zip(*published, strict=True))
    folded = fold_columns(columns)
    with closing(sqlite3.connect(":memory:")) as connection:
        create_tables(connection)
        stored_rows = convert_to_stored_rows(columns, folded, PlaceIds(connection))
        connection.executemany(INSERT_CORPORATION_STATEMENT, stored_rows)
        create_search_index(connection)
        index_new_rows(connection, 1, columns, folded)
        unindex_rows(connection, range(1, len(published) + 1))
        count_query = "SELECT count(*) FROM {0} WHERE {0} MATCH ?"
        terms = {f'"{term}"' for line in make_terms_of_columns(columns, folded) for term in line.split()}
        for table in (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE):
            assert all(connection.execute(count_query.format(table), (term,)).fetchone() == (0,) for term in terms)


def test_a_comparison_form_that_equals_the_text_is_not_stored() -> None:
    """The registry stores a comparison form only if it differs from the text."""
    plain = make_row(0, name="株式会社緑川", furigana="ミドリカワ", street_number="梅田２丁目４番９号")
    other = make_row(1, name="みどりカー", furigana="ミドリッ", street_number="霞ヶ関三丁目１－１")
    columns = FileColumns(*zip(plain, other, strict=True))
    folded = fold_columns(columns)
    assert list(fold_names(columns, folded)) == ["", "ミドリカ\nミドリツ"]
    assert list(fold_streets(columns, folded)) == ["梅田2-4-9", "霞ガ関3-1-1"]


def test_a_registry_in_format_2_is_searched_and_changed(tmp_path: Path) -> None:
    """A registry in format 2 of an earlier program, which has no comparison forms, can be searched and changed. The
    import of the next whole file creates a registry with comparison forms."""
    folder = tmp_path / "registry"
    names = ("株式会社あさひガラス", "髙田商会", "霞ヶ関工業")
    osaka = {"name": "ひかり", "prefecture_name": "大阪府", "prefecture_code": "27", "street_number": "梅田１－２"}
    import_registry_files(
        folder, [write_file(tmp_path, WHOLE_FILE_NAME, [make_row(i, name=name) for i, name in enumerate(names)])]
    )
    change_registry_to_format_2(folder)
    reader = open_registry(folder)
    assert reader is not None
    texts = ("旭", "アサヒガラス", "高田", "霞が関工業", "千代田区霞が関3-1", "ひかり", "梅田1-2", "あさひ 東京")
    before = [sorted(one.number for one in reader.search(text)) for text in texts]
    assert before[1:6] == [
        [make_corporation_number(0)],
        [make_corporation_number(1)],
        [make_corporation_number(2)],
        sorted(make_corporation_number(i) for i in range(3)),
        [],
    ]
    changes = [
        make_row(5, **osaka),
        make_row(1, name="髙田商店", process="11"),
        make_row(6, name="甲", street_number="９番地"),
    ]
    import_registry_files(folder, [write_file(tmp_path, "diff_20251104", changes)])
    assert [one.number for one in reader.search("高田商店")] == [make_corporation_number(1)]
    assert [[one.number for one in reader.search(text)] for text in ("高田商会", "光", "梅田1-2", "アサヒ")] == [
        [], [], [make_corporation_number(5)], [make_corporation_number(0)],
    ]  # fmt: skip
    assert [one.number for one in reader.search("千代田区9番地")] == [make_corporation_number(6)]
    import_registry_files(
        folder, [write_file(tmp_path, "00_zenkoku_all_20251128", [make_row(0, name="ひかりガラス")])]
    )
    assert [one.name for one in reader.search("ヒカリガラス")] == ["ひかりガラス"]
    assert reader.run_query(lambda connection, _: has_folded_texts(connection))
    reader.close()


def test_a_prefecture_is_added_to_a_registry_in_format_2(tmp_path: Path) -> None:
    """A file of another prefecture can be added to a registry in format 2 of an earlier program."""
    folder = tmp_path / "registry"
    import_registry_files(folder, [write_file(tmp_path, "13_tokyo_all_20251031", [make_row(0, name="ひかり")])])
    change_registry_to_format_2(folder)
    import_registry_files(folder, [write_file(tmp_path, "27_osaka_all_20251031", [make_row(1, name="ひかりカー")])])
    reader = open_registry(folder)
    assert reader is not None
    assert {one.number for one in reader.search("ヒカリ")} == {make_corporation_number(0), make_corporation_number(1)}
    reader.close()


def change_registry_to_format_2(folder: Path) -> None:
    file = find_registry_file(folder)
    assert file is not None
    with closing(open_for_writing(file)) as connection:
        for table, column in (
            ("corporations", "folded_names"),
            ("corporations", "folded_street"),
            ("places", "folded"),
        ):
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("PRAGMA user_version=2")
