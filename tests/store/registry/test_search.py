"""Tests of the search of the registry: its results, their order, and texts that contain nothing to search for."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.domain.lookup.registry_query import parse_registry_query
from console.domain.registry.spelling import fold_text
from console.store.registry import search as search_module
from console.store.registry import search_index
from console.store.registry.import_files import import_registry_files
from console.store.registry.ranking import Rank
from console.store.registry.reader import RegistryReader
from console.store.registry.registry_file import find_registry_file, open_for_reading, open_for_writing
from console.store.registry.search_expressions import FullTextExpressions
from console.store.registry.search_index import CLOSED_TERMS_TABLE, OPEN_TERMS_TABLE
from tests.store.registry.files import (
    make_corporation_number,
    make_registry,
    make_row,
    write_file,
)

SIMILAR_NAME_COUNT, CLOSED_SIMILAR_NAME_COUNT = 300, 60
TERM_TABLES = (OPEN_TERMS_TABLE, CLOSED_TERMS_TABLE)
CLOSURE_FIELDS = {"close_date": "2020-01-31", "close_cause": "01", "process": "21"}
OSAKA_FIELDS = {
    "prefecture_name": "大阪府",
    "prefecture_code": "27",
    "city_name": "大阪市北区",
    "city_code": "127",
    "street_number": "梅田２丁目４番９号",
    "post_code": "5300001",
}
FIELDS_OF_FOREIGN_COMPANY = dict.fromkeys(
    ("prefecture_name", "prefecture_code", "city_name", "city_code", "street_number", "post_code"), ""
)
FIELDS_BY_KEY = {
    "part, open": {"name": "株式会社東京緑川"},
    "beginning, closed": {"name": "緑川製作所株式会社", **CLOSURE_FIELDS},
    "beginning, open": {"name": "緑川工務店株式会社"},
    "exact, closed": {"name": "合同会社緑川", **CLOSURE_FIELDS},
    "exact, open": {"name": "有限会社緑川"},
    "whole": {"name": "株式会社緑川"},
    "by furigana": {"name": "株式会社翠", "furigana": "ミドリカワ"},
    "in Osaka": {"name": "緑川電機株式会社", **OSAKA_FIELDS},
    "hidden": {"name": "株式会社緑川隠", "hihyoji": "1"},
    "deleted": {"name": "株式会社緑川消", "process": "99"},
    "older row": {"name": "株式会社緑川旧", "latest": "0"},
    "English": {"name": "合同会社さくら", "en_name": "Cherry Works G.K.", "furigana": "サクラ"},
    "one character": {"name": "株式会社輝"},
    "image": {"name": "", "name_image_id": "00000001", "furigana": "エノナマエ", "street_number": "画像町１番"},
    "abroad": {
        "name": "Ｈａｒｂｏｒ",
        **FIELDS_OF_FOREIGN_COMPANY,
        "address_outside": "シンガポール共和国港通り１番",
        "kind": "401",
    },
    "digits": {"name": "株式会社２１世紀計画"},
    "long number": {"name": "株式会社番地", "furigana": "", "street_number": "字甲１２３４番地"},
    "symbols": {"name": "Ｃ＆Ｄ＿１００％株式会社"},
}
NUMBER_BY_KEY = {key: make_corporation_number(1000 + index) for index, key in enumerate(FIELDS_BY_KEY)}
KEY_BY_NUMBER = {value: key for key, value in NUMBER_BY_KEY.items()}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryReader]:
    folder = tmp_path_factory.mktemp("registry")
    rows = [
        make_row(index, **(CLOSURE_FIELDS if index < CLOSED_SIMILAR_NAME_COUNT else {}))
        for index in range(SIMILAR_NAME_COUNT)
    ]
    rows += [make_row(1000 + index, **fields) for index, fields in enumerate(FIELDS_BY_KEY.values())]
    reader = make_registry(folder, rows)
    yield reader
    reader.close()


def search_and_check(registry: RegistryReader, text: str, **others: object) -> list[str]:
    """Search the registry for the text; `others` are further arguments of the search. Return for each found
    corporation its key in FIELDS_BY_KEY, or its name if it has no key, the best first. Check that the search that
    returns only corporation numbers finds the same corporations in the same order.
    """
    results = registry.search(text, **others)  # type: ignore[arg-type]
    numbers, _ = registry.search_corporation_numbers(text, **{"limit": 50} | others)  # type: ignore[arg-type]
    assert numbers == tuple(one.number for one in results)
    return [KEY_BY_NUMBER.get(one.number, one.name) for one in results]


def test_the_best_match_comes_first(registry: RegistryReader) -> None:
    """Results with the exact name come first, then names that begin with the text, then names that contain it. Within
    each group, open corporations come before closed ones, and then shorter names before longer ones."""
    ranked = [
        "whole",
        "exact, open",
        "exact, closed",
        "in Osaka",
        "beginning, open",
        "beginning, closed",
        "part, open",
    ]
    assert search_and_check(registry, "株式会社緑川") == ranked
    assert search_and_check(registry, "緑川")[:3] == ["exact, open", "whole", "exact, closed"]
    assert search_and_check(registry, "緑川")[3:] == ranked[3:]
    assert search_and_check(registry, "みどりかわ") == ["by furigana"]


def test_corporations_with_our_records_come_first(registry: RegistryReader) -> None:
    """Corporations with records in this database come first in the results of a search."""
    ours = [
        NUMBER_BY_KEY["part, open"],
        NUMBER_BY_KEY["beginning, closed"],
        NUMBER_BY_KEY["English"],
        make_corporation_number(3),
    ]
    assert search_and_check(registry, "緑川", our_numbers=ours)[:3] == [
        "beginning, closed",
        "part, open",
        "exact, open",
    ]
    assert sorted(search_and_check(registry, "緑川", our_numbers=ours)) == sorted(search_and_check(registry, "緑川"))
    assert search_and_check(registry, "緑川", our_numbers=ours, limit=1) == ["beginning, closed"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("緑川 大阪市", ["in Osaka"]),
        ("大阪府 緑川", ["in Osaka"]),
        ("大阪市北区梅田2-4-9", ["in Osaka"]),
        ("大阪府大阪市北区梅田２丁目４番９号", ["in Osaka"]),
        ("梅田 緑川電機 大阪", ["in Osaka"]),
        ("緑 川 電 機", ["in Osaka"]),
        ("530-0001", ["in Osaka"]),
        ("〒530", ["in Osaka"]),
        ("5300001", ["in Osaka"]),
        ("緑川 530-0001", ["in Osaka"]),
        ("緑川 東京都 大阪市", []),
        ("cherry works", ["English"]),
        ("ＣＨＥＲＲＹ", ["English"]),
        ("Cherry Works, LLC", ["English"]),
        ("さくら", ["English"]),
        ("ｻｸﾗ", ["English"]),
        ("輝", ["one character"]),
        ("㈱輝", ["one character"]),
        ("世", []),
        ("21世紀", ["digits"]),
        ("えのなまえ", ["image"]),
        ("画像町", ["image"]),
        ("画像町1丁", ["image"]),
        ("字甲1234", ["long number"]),
        ("字甲１２", ["long number"]),
        ("字甲1", ["long number"]),
        ("字甲12-3", []),
        ("字甲2", []),
        ("harbor", ["abroad"]),
        ("シンガポール", ["abroad"]),
        ("C&D", ["symbols"]),
        ("Ｃ＆Ｄ＿１００％", ["symbols"]),
        ("緑川隠", []),
        ("緑川消", []),
        ("緑川旧", []),
        (NUMBER_BY_KEY["whole"], ["whole"]),
        (NUMBER_BY_KEY["whole"][1:], ["whole"]),
        (NUMBER_BY_KEY["whole"][:11], ["whole"]),
        (NUMBER_BY_KEY["whole"][1:11], ["whole"]),
        (NUMBER_BY_KEY["hidden"], ["hidden"]),
    ],
)
def test_each_text_finds_its_corporations(registry: RegistryReader, text: str, expected: list[str]) -> None:
    """A search finds exactly the expected corporations by a name, an address, a postal code or a reading in any
    usual spelling, and by several of them if each of them fits. Hidden and deleted corporations and former names
    aren't found.
    """
    keys = search_and_check(registry, text)
    assert "deleted" not in keys
    assert set(expected) <= set(keys)
    assert keys == expected or text[:4].isdigit()


def test_a_hidden_corporation_is_found_only_by_its_number(registry: RegistryReader) -> None:
    """A corporation that the publisher has hidden is found only by its complete number."""
    hidden = NUMBER_BY_KEY["hidden"]
    assert search_and_check(registry, hidden) == ["hidden"]
    assert "hidden" not in search_and_check(registry, hidden[:10], limit=1000)
    assert "hidden" not in search_and_check(registry, "緑川", our_numbers=[hidden], limit=1000)


def test_a_prefecture_restricts_the_search(registry: RegistryReader) -> None:
    """With a prefecture the search finds only corporations of this prefecture."""
    assert search_and_check(registry, "緑川", prefecture="大阪") == ["in Osaka"]
    assert search_and_check(
        registry, "緑川", prefecture="27", our_numbers=[NUMBER_BY_KEY["whole"], NUMBER_BY_KEY["in Osaka"]]
    ) == ["in Osaka"]
    assert "in Osaka" not in search_and_check(registry, "緑川", prefecture="tokyo")
    assert search_and_check(registry, "緑川", prefecture="火星") == []


@pytest.mark.parametrize("key", ["whole", "hidden"])
def test_a_prefecture_restricts_a_complete_number(registry: RegistryReader, key: str) -> None:
    """A prefecture also restricts the search for a complete number."""
    assert search_and_check(registry, NUMBER_BY_KEY[key], prefecture="東京") == [key]
    assert key not in search_and_check(registry, NUMBER_BY_KEY[key], prefecture="大阪")


def test_a_frequent_text_returns_the_requested_number(registry: RegistryReader) -> None:
    """A text that very many corporations contain gives as many results as requested."""
    for text in ("見本", "株式会社", "霞が関", "東京", "みほん", "千代田区"):
        assert len({one.number for one in registry.search(text, limit=70)}) == 70, text


def test_open_corporations_come_first_among_many(registry: RegistryReader) -> None:
    """Of many matches the open corporations come first, although the closed ones have the lower row ids."""
    results = registry.search("見本", limit=SIMILAR_NAME_COUNT // 3)
    assert [one.name for one in results if one.closure is not None] == []
    everything = registry.search("見本", limit=SIMILAR_NAME_COUNT)
    assert len(everything) == SIMILAR_NAME_COUNT
    assert all(one.closure is not None for one in everything[-CLOSED_SIMILAR_NAME_COUNT:])


def test_many_exact_matches_do_not_change_the_order_of_the_others(tmp_path: Path) -> None:
    """A search has many results with the exact name, which have the lowest row ids. Among the following results,
    which begin with the text, the shortest names still come first."""
    names = [*("見本" for _ in range(6)), *(f"見本長い名前{n}" for n in range(4)), *(f"見本{n}" for n in range(4))]
    names += [f"部分的な見本{n}" for n in range(12)]
    reader = make_registry(tmp_path, [make_row(index, name=name, furigana="") for index, name in enumerate(names)])
    assert [len(one.name) for one in reader.search("見本", limit=8)] == [2] * 6 + [3] * 2
    assert [len(one.name) for one in reader.search("見本", limit=8, our_numbers=[make_corporation_number(6)])] == [
        7
    ] + [2] * 6 + [3]
    reader.close()


def test_matches_of_a_later_rank_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step that looks for parts of names checks as many rows as a whole search may check, because it also reads
    addresses. The search still returns the matches that only later steps find."""
    rows = [make_row(index, street_number=f"中央第{index}タワー", furigana="") for index in range(5)]
    reader = make_registry(tmp_path, rows)
    monkeypatch.setattr(search_module, "MAX_CANDIDATES", len(rows))
    assert len(reader.search("中央タワー", limit=2)) == 2
    reader.close()


TEXTS_WITHOUT_WORDS = (
    "",
    " ",
    "\u3000\n\t",
    "。",
    "%",
    "_",
    "%%",
    "*",
    '"',
    "'",
    '""',
    "\u202e",
    "\x00",
    "\ud800",
    "😀",
    "\u0301" * 300,
)
WORDS_WITH_SYMBOLS = (
    '緑川"',
    '"緑川',
    "緑川*",
    "^緑川",
    "緑川:",
    "(緑川",
    "緑川)",
    "-緑川",
    "{緑川}",
    "\\緑川",
    "緑川%",
    "_緑川",
    "緑川;",
)
TEXTS_WITH_UNUSUAL_CHARACTERS = (
    "\x00緑川",
    "緑\x00川",
    "\u202e緑川\u202c",
    "緑\u200b川",
    "\ud800緑川",
    "緑川😀",
    "緑\ufe0f川",
)
QUERY_WORD_TEXTS = (
    "緑川 AND",
    "AND 緑川",
    "緑川 OR 緑川",
    "NOT 緑川",
    "NEAR(緑川 川)",
    "terms:緑川",
    "緑川 + 川",
    "' OR 1=1 --",
    "a",
    "👨‍👩‍👧",
)
LONG_TEXTS = (
    *(
        "Ａ" * 150,
        "緑" * 150,
        "緑川" * 75,
        "あいうえお" * 100,
        "1" * 500,
        "ﷺ" * 500,
        "e\u0301" * 300,
        "ヶ" * 500,
        "々" * 500,
    ),
    *(
        "(" * 10_000,
        "緑川 " * 100,
        "緑" + " 川" * 200,
        "a b c d e f g h " * 60,
        "x" * 10_000_000,
        "緑川 " * 2_500_000,
    ),
)


def test_texts_with_nothing_to_search_for_find_nothing(registry: RegistryReader) -> None:
    """A text without a letter or digit has no results."""
    assert [text for text in TEXTS_WITHOUT_WORDS if search_and_check(registry, text)] == []


def test_query_signs_and_invisible_characters_are_ignored(registry: RegistryReader) -> None:
    """A search ignores the signs of SQLite's query language and invisible characters in the typed text."""
    plain = search_and_check(registry, "緑川")
    assert [
        text
        for text in (*WORDS_WITH_SYMBOLS, *TEXTS_WITH_UNUSUAL_CHARACTERS)
        if search_and_check(registry, text) != plain
    ] == []


def test_query_words_and_long_texts_raise_no_error(registry: RegistryReader) -> None:
    """Words of SQLite's query language are searched as ordinary words, and only the beginning of a long text is used.
    Neither kind of text raises an error."""
    for text in (*QUERY_WORD_TEXTS, *LONG_TEXTS):
        assert len(registry.search(text)) <= 50


@given(text=st.text(max_size=60))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_accepted(registry: RegistryReader, text: str) -> None:
    """A search for any text of up to 60 random characters raises no error."""
    assert len(registry.search(text, limit=5)) <= 5


PUBLISHED_NAME = "株式会社緑川霞ヶヴァ々佐木髙ーカガャッＡＢａ＆・１２０"


@given(names=st.lists(st.text(st.sampled_from(PUBLISHED_NAME), min_size=1, max_size=8), min_size=1, max_size=30))
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_name_is_found_by_itself_and_by_each_part(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    """A corporation is found by its whole name, and by each part of its name that has at least 2 characters in the
    comparison form."""
    rows = [make_row(index, name=name, furigana="") for index, name in enumerate(names)]
    reader = make_registry(tmp_path_factory.mktemp("names"), rows)
    for index, name in enumerate(names):
        parts = {name[start:end] for end in range(2, len(name) + 1) for start in range(end - 1)}
        for part in {part for part in parts if len(fold_text(part)) > 1}:
            assert make_corporation_number(index) in {one.number for one in reader.search(part)}, (name, part)
    reader.close()


def test_pairs_of_characters_without_the_text_are_read_once(tmp_path: Path) -> None:
    """If many corporations have the text's pairs of characters and few contain the text, the search reads the index
    only once for all ranks."""
    look_alikes = [make_row(index, name="ベルビルディング", furigana="") for index in range(150)]
    registry = make_registry(tmp_path, [*look_alikes, make_row(150, name="青山ベルディング", furigana="")])
    statements: list[str] = []
    registry.run_query(lambda connection, _: connection.set_trace_callback(statements.append))
    assert [one.name for one in registry.search("ベルディング")] == ["青山ベルディング"]
    assert len([statement for statement in statements if " MATCH " in statement]) == len(TERM_TABLES)
    registry.close()


@pytest.mark.parametrize("text", ["緑川", "緑川 霞が関", "みどりかわ緑川"])
def test_whole_names_and_beginnings_are_found_by_one_reading(tmp_path: Path, text: str) -> None:
    """If few names begin with the text, one read of the index finds both the exact names and the names that begin
    with the text. The exact names come first.
    """
    own = "ミドリカワ緑川" if "みど" in text else "緑川"
    names = [own, f"合同会社{own}", f"{own}株式会社", f"{own}工務店"]
    names_of_parts = [f"ミドリカワ東京緑川第{index}" for index in range(150)]
    rows = [
        make_row(index, name=name, furigana="", **(CLOSURE_FIELDS if name == names[2] else {}))
        for index, name in enumerate([*names_of_parts, *names])
    ]
    registry = make_registry(tmp_path, rows)
    statements: list[str] = []
    registry.run_query(lambda connection, _: connection.set_trace_callback(statements.append))
    result_names = [one.name for one in registry.search(text)]
    assert (result_names[:4], len(result_names)) == (names, 50)
    assert [statement for statement in statements if "川$" in statement] == []
    registry.close()


@pytest.mark.parametrize("text", ["会社 ライ", "会社ライ"])
def test_names_come_before_addresses_if_a_legal_form_is_typed_too(tmp_path: Path, text: str) -> None:
    """Names come before addresses even if the text contains a legal form. Every name contains a legal form, so a
    typed legal form doesn't improve the rank of a name."""
    by_address = [make_row(index, furigana="", street_number=f"サンライズ第{index}") for index in range(6)]
    by_name = [make_row(6 + index, name=f"株式会社サンライフ{index}", furigana="") for index in range(3)]
    registry = make_registry(tmp_path, [*by_address, *by_name])
    names = [f"株式会社サンライフ{index}" for index in range(3)]
    assert [one.name for one in registry.search(text, limit=2)] == names[:2]
    assert [one.name for one in registry.search(text)][:3] == names
    registry.close()


def test_a_search_stops_at_its_last_result(tmp_path: Path) -> None:
    """The search stops as soon as it has all requested results. It then doesn't read the index of closed
    corporations by the beginnings of names, which would be the next step.
    """
    registry = make_registry(tmp_path, [make_row(index, name=f"緑川第{index}", furigana="") for index in range(150)])
    statements: list[str] = []
    registry.run_query(lambda connection, _: connection.set_trace_callback(statements.append))
    assert len(registry.search("緑川")) == 50
    readings = [text for text in statements if " MATCH " in text and CLOSED_TERMS_TABLE in text]
    assert [text for text in readings if "川$" not in text] == []
    assert registry.search("緑川", limit=0) == ()
    registry.close()


@pytest.mark.parametrize(
    "text",
    [
        "緑",
        "緑川",
        "株式会社緑川",
        "ミドリカワ工務店",
        "緑川 大阪",
        "ひかり株式会社",
        "さくら合同 千代田区",
        "10000",
        "ひかりの",
    ],
)
def test_one_query_for_all_ranks_equals_the_separate_queries(registry: RegistryReader, text: str) -> None:
    """The single query for all ranks finds the same corporations as the separate queries of the ranks together."""
    query = parse_registry_query(text)

    def find_ids(expression: str | None) -> set[int]:
        if expression is None:
            return set()
        return registry.run_query(
            lambda connection, _: {
                row_id
                for table in TERM_TABLES
                for (row_id,) in connection.execute(f"SELECT rowid FROM {table}(?)", (expression,))
            }
        )

    by_rank = [find_ids(FullTextExpressions({}).make_expression_for_rank(query, rank)) for rank in Rank]
    ids_of_ranks = [
        find_ids(expression) for expression in FullTextExpressions({}).list_expressions_of_all_ranks(query)
    ]
    assert (ids_of_ranks[-1] if ids_of_ranks else set()) == set().union(*by_rank)
    assert all(ids <= ids_of_ranks[-1] for ids in ids_of_ranks)
    names_expression = FullTextExpressions({}).make_names_expression(query)
    names = [ids for ids, rank in zip(by_rank, Rank, strict=True) if rank <= Rank.BEGINNING]
    assert names_expression is None or find_ids(names_expression) == set().union(*names)


def test_a_pair_at_the_edge_of_a_name_is_searched_once() -> None:
    """The query contains the pair of characters at the beginning or end of a name only once, in the form with the
    mark of the edge."""
    query = parse_registry_query("ショウテン")
    assert (
        FullTextExpressions({}).make_expression_for_rank(query, Rank.NAME)
        == '("^シヨ" AND "テン$" AND "ヨウ" AND "ウテ")'
    )


def test_a_name_with_its_legal_form_is_searched_once() -> None:
    """The query contains a name that is typed with its legal form only once."""
    *_, expression = FullTextExpressions({}).list_expressions_of_all_ranks(parse_registry_query("株式会社緑川電機"))
    assert expression.count('("緑川" AND "川電" AND "電機")') == 1


def test_a_search_after_a_difference_finds_new_names(tmp_path: Path) -> None:
    """After the import of a difference, the search finds the new names and no longer finds the former ones."""
    rows = [make_row(index) for index in range(20)]
    rows += [
        make_row(100, name="株式会社青空"),
        make_row(101, name="株式会社夕空"),
        make_row(102, name="株式会社星空"),
    ]
    reader = make_registry(tmp_path, rows)
    difference = [
        make_row(100, name="株式会社朝空", process="11"),
        make_row(101, name="株式会社夕空", **CLOSURE_FIELDS),
        make_row(102, name="株式会社星空", process="99"),
        make_row(103, name="株式会社夜空"),
        make_row(104, name="株式会社雨空", hihyoji="1"),
    ]
    import_registry_files(tmp_path / "registry", [write_file(tmp_path, "diff_20251104", difference)])
    words = ("青空", "朝空", "星空", "雨空", "夕空", "夜空")
    names_of_searches = [[one.name for one in reader.search(word)] for word in words]
    assert names_of_searches == [[], ["株式会社朝空"], [], [], ["株式会社夕空"], ["株式会社夜空"]]
    file = find_registry_file(tmp_path / "registry")
    assert file is not None
    with closing(open_for_reading(file)) as connection:
        former = connection.execute("SELECT count(*) FROM open_terms WHERE open_terms MATCH '青空 OR 夕空 OR 星空'")
        assert former.fetchone() == (0,)
    assert [one.name for one in reader.search("株式会社", limit=100)][-1] == "株式会社夕空"
    assert len(reader.search("株式会社", limit=100)) == 23
    reader.close()


def test_the_rarest_terms_of_a_name_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search uses the rarest terms of a name, for which the import has counted the rows of open corporations. A
    registry of an earlier program lacks these counts, and gives the same results."""
    monkeypatch.setattr(search_index, "_MIN_ROWS_OF_FREQUENT_TERM", 2)
    rows = [
        make_row(index, name=f"株式会社サンライズ{kind}")
        for index, kind in enumerate(("ホーム", "ホーム", "印刷", "農園"))
    ]
    reader = make_registry(tmp_path, [*rows, make_row(9, name="株式会社サンライズ印刷", **CLOSURE_FIELDS)])
    row_counts = reader.run_query(lambda connection, _: search_index.read_frequent_terms(connection))
    assert {term: row_counts.get(term) for term in ("サン", "イズ", "^サン", "ホム", "ズ印", "印刷")} == {
        "サン": 4, "イズ": 4, "^サン": 4, "ホム": 2, "ズ印": None, "印刷": None,
    }  # fmt: skip
    expression = FullTextExpressions(row_counts).make_expression_for_rank(
        parse_registry_query("サンライズ印刷"), Rank.PART
    )
    assert expression is not None
    assert '("ズ印" AND "印刷" AND "サン" AND "ンラ")' in expression
    texts = ("サンライズ印刷", "サンライズ", "ライズホーム", "サンライズ農園 千代田区")
    numbers_of_searches = [[one.number for one in reader.search(text)] for text in texts]
    assert [len(numbers) for numbers in numbers_of_searches] == [2, 5, 2, 1]
    reader.close()
    file = find_registry_file(tmp_path / "registry")
    assert file is not None
    with closing(open_for_writing(file)) as connection:
        connection.execute("DROP TABLE frequent_terms")
    assert [[one.number for one in reader.search(text)] for text in texts] == numbers_of_searches
    reader.close()
