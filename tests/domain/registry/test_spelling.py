"""Tests of the comparison forms of names and addresses, and of how a typed search text is read."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.domain.lookup.registry_query import QueryKind, parse_registry_query
from console.domain.registry import kanji_forms
from console.domain.registry.legal_forms import remove_legal_form, write_out_legal_forms
from console.domain.registry.other_spellings import list_other_spellings
from console.domain.registry.prefectures import PREFECTURE_NAME_BY_CODE, find_prefecture_code
from console.domain.registry.spelling import (
    _make_second_reading,
    fold_address,
    fold_text,
    list_comparison_forms,
    may_have_second_reading,
)

SAME_NAME = """
髙島屋 高島屋 | 山﨑 山崎 山嵜 | 渡邊 渡邉 渡辺 | 大澤 大沢 | 齋藤 齊藤 斎藤 斉藤 | 廣瀨 広瀬 | 國分 国分
龍角散 竜角散 | 𠮷野 吉野 | キヤノン キャノン きゃのん ｷﾔﾉﾝ ｷｬﾉﾝ | シヤープ シャープ ｼｬｰﾌﾟ しゃーぷ
サーバー サーバ サ－バ－ サ‐バ | ガガ ｶﾞｶﾞ か\u3099か\u3099 カ゛カ゛ | ＡＢＣ ABC abc Ａｂｃ
École ecole ＥＣＯＬＥ | ヱビス エビス | ハーゲンダッツ はーげんだっつ ハ－ゲンダツツ | 日本・橋 日本橋 日本　橋
"""
NAMES_WITH_EQUAL_READING = """
霞ヶ関 霞ケ関 霞が関 | 自由ヶ丘 自由が丘 | ヴァイオリン バイオリン | ヴェルディ ベルディ | ヴーム ブーム
佐々木 佐佐木 | いすゞ いすず | 三ヵ月 三ヶ月
"""
DIFFERENT_SPELLINGS = "大阪 大坂 | 埼玉 崎玉 | ハス バス パス | 山田 山口 | 石田 右田 | 霞 霧 | 3m 3n"
LEGAL_FORM_SPELLINGS = """
株式会社山田 山田株式会社 ㈱山田 山田㈱ (株)山田 （株）山田 山田(株) ［株］山田 【株】山田 〔株〕山田 ㍿山田
㊑山田 ｶ)山田 カ)山田 ヵ)山田 カ）山田 山田(カ 山田(カ) 山田ｶﾌﾞｼｷｶﾞｲｼｬ カブシキカイシャ山田 有限会社山田 ㈲山田
山田（有） ユ)山田 山田(ユ 合同会社山田 (同)山田 ド)山田 合名会社山田 (名)山田 合資会社山田 （資）山田
一般社団法人山田 (一社)山田 一般財団法人山田 (一財)山田 公益社団法人山田 （公社）山田 公益財団法人山田
(公財)山田 ㈶山田 医療法人山田 医療法人社団山田 (医)山田 イ)山田 社会福祉法人山田 (福)山田 フク)山田
学校法人山田 ㈻山田 宗教法人山田 (宗)山田 特定非営利活動法人山田 NPO法人山田 ＮＰＯ法人山田 (特非)山田
トクヒ)山田 独立行政法人山田 監査法人山田 税理士法人山田 弁護士法人山田 農事組合法人山田 企業組合山田
山田協同組合
"""


def _split_groups(text: str) -> list[list[str]]:
    return [group.split(" ") for line in text.strip().splitlines() for group in line.split(" | ")]


@pytest.mark.parametrize("group", _split_groups(SAME_NAME), ids="-".join)
def test_spellings_of_one_name_have_one_comparison_form(group: list[str]) -> None:
    """The spellings of one name have the same comparison form."""
    assert len({fold_text(spelling) for spelling in group}) == 1


@pytest.mark.parametrize("group", _split_groups(NAMES_WITH_EQUAL_READING), ids="-".join)
def test_spellings_of_one_name_share_a_reading(group: list[str]) -> None:
    """The spellings of one name have a reading in common."""
    first, *others = (set(list_comparison_forms(spelling)) for spelling in group)
    assert all(first & other for other in others)


@pytest.mark.parametrize("ka", "がケヶカヵけかゕゖｶｹ㋕㋘")
def test_a_typed_ka_between_kanji_is_also_read_ga(ka: str) -> None:
    """In a search text, each form of か and ケ between two kanji is also searched as が; elsewhere か is only か."""
    assert "霞ガ関" in parse_registry_query(f"霞{ka}関").whole_name.names
    assert parse_registry_query("しずかな").whole_name.names == ("シズカナ",)


@pytest.mark.parametrize("group", _split_groups(DIFFERENT_SPELLINGS), ids="-".join)
def test_different_names_stay_different(group: list[str]) -> None:
    """Different names have different comparison forms."""
    readings = Counter(reading for spelling in group for reading in list_comparison_forms(spelling))
    assert max(readings.values()) == 1


def test_each_kanji_has_one_comparison_form() -> None:
    """No kanji is in two groups of equal kanji, so each has one comparison form."""
    tables = (
        kanji_forms._COMMON_KANJI,
        kanji_forms._GIVEN_NAME_KANJI,
        kanji_forms._KANJI_OUTSIDE_COMMON_LIST,
        kanji_forms._SURNAME_KANJI,
    )
    groups = " ".join(tables).split()
    most = Counter(kanji for group in groups for kanji in group).most_common(1)
    assert most[0][1] == 1, most
    assert not [kanji for group in groups for kanji in group if unicodedata.normalize("NFKC", kanji) != kanji]


@pytest.mark.parametrize("spelling", LEGAL_FORM_SPELLINGS.split())
def test_the_comparison_form_of_a_name_excludes_its_legal_form(spelling: str) -> None:
    """The comparison form of a name doesn't contain its legal form."""
    assert remove_legal_form(fold_text(write_out_legal_forms(spelling))) == "山田"


@pytest.mark.parametrize(
    "spelling",
    [
        "Yamada",
        "Yamada Co., Ltd.",
        "YAMADA CO.,LTD",
        "Yamada Inc.",
        "Yamada K.K.",
        "yamada corporation",
        "Yamada, LLC",
    ],
)
def test_the_comparison_form_of_an_english_name_excludes_its_legal_form(spelling: str) -> None:
    """The comparison form of an English name doesn't contain its legal form."""
    assert fold_text(write_out_legal_forms(spelling)) == "yamada"


@pytest.mark.parametrize("form", ["株式会社", "合同会社", "Inc.", "一般社団法人"])
def test_a_name_of_only_a_legal_form_is_not_cut(form: str) -> None:
    """If a name consists only of a legal form, its comparison form contains the legal form."""
    assert remove_legal_form(fold_text(write_out_legal_forms(form)))


@pytest.mark.parametrize("form", ["Co., Ltd.", "Co.,Ltd", "company limited", "K. K.", "Kabushiki Kaisha", "Inc."])
def test_an_english_name_of_only_a_legal_form_is_not_cut(form: str) -> None:
    """If an English name consists only of a legal form, its comparison form contains the legal form."""
    assert write_out_legal_forms(form) == form


@pytest.mark.parametrize(
    "address",
    [
        "霞が関３丁目１番２号",
        "霞が関3-1-2",
        "霞が関３－１－２",
        "霞が関三丁目1番地2",
        "霞が関３丁目１－２",
        "霞が関 3丁目1番地の2",
        "霞が関3丁1番2",
    ],
)
def test_addresses_are_compared_by_their_numbers(address: str) -> None:
    """Spellings of an address that differ only in how its numbers are written have the same comparison form."""
    assert fold_address(address) == "霞ガ関3-1-2"
    assert fold_address("霞が関31-2") != fold_address(address)


NAMES = st.text(
    st.sampled_from("株式会社山田佐々木髙﨑ヶケがヴァィバ々ーアガパ・ャｱＡＢa1１９　 "), min_size=2, max_size=12
)


@given(st.text(st.sampled_from("山田ヶケヵカけかゕゖヴヷ々ゝヾバーｱｶｹｰﾞ㌔㌍㋕アあ・ 1a\u3099"), max_size=8))
@settings(max_examples=500)
def test_the_comparison_forms_of_a_text_contain_its_second_reading(text: str) -> None:
    """If a text has one of the characters that can give a second reading, and its second reading differs from the
    first, the comparison forms of the text contain both. Otherwise the index would still contain a removed row under
    the missed reading.
    """
    if may_have_second_reading(text) and _make_second_reading(text) != fold_text(text):
        assert list_comparison_forms(text) == (fold_text(text), _make_second_reading(text))


@given(NAMES, st.data())
def test_the_comparison_form_of_a_part_of_a_name_is_in_the_names_form(name: str, data: st.DataObject) -> None:
    """The comparison form of a part of a name is a part of the name's comparison form, so that a search finds a name
    by each of its parts."""
    start = data.draw(st.integers(0, len(name) - 1))
    end = data.draw(st.integers(start + 1, len(name)))
    assert fold_text(name[start:end]) in fold_text(name)


@pytest.mark.parametrize(
    ("text", "kind", "number", "digits", "post_code", "word_count"),
    [
        ("1180301018771", QueryKind.NUMBER, "1180301018771", "", "", 0),
        ("Ｔ１１８０３０１０１８７７１", QueryKind.NUMBER, "1180301018771", "", "", 0),
        ("1 1803 0101 8771", QueryKind.NUMBER, "1180301018771", "", "", 4),
        ("法人番号：1180301018771 トヨタ", QueryKind.NUMBER, "1180301018771", "", "", 2),
        ("180301018771", QueryKind.NUMBER, "1180301018771", "", "", 0),
        ("1803-01-018771", QueryKind.NUMBER, "1180301018771", "", "", 0),
        ("1180301018772", QueryKind.MISTYPED_NUMBER, None, "", "", 0),
        ("118030", QueryKind.NUMBER_PART, None, "118030", "", 0),
        ("21", QueryKind.WORDS, None, "", "", 0),
        ("100-0001", QueryKind.POST_CODE, None, "1000001", "1000001", 0),
        ("１００－０００１", QueryKind.POST_CODE, None, "1000001", "1000001", 0),
        ("〒100", QueryKind.POST_CODE, None, "", "100", 0),
        ("1000001", QueryKind.POST_CODE, None, "1000001", "1000001", 0),
        ("やまだ 千代田区", QueryKind.WORDS, None, "", "", 2),
        ("やまだ　100-0001", QueryKind.WORDS, None, "", "", 2),
        ("山", QueryKind.ONE_CHARACTER, None, "", "", 0),
        ("(株)山", QueryKind.WORDS, None, "", "", 0),
        ("", QueryKind.EMPTY, None, "", "", 0),
        (" 　\n", QueryKind.EMPTY, None, "", "", 0),
        ("%_*\"'", QueryKind.EMPTY, None, "", "", 0),
        ("\u202e\u200b\x00\ud800", QueryKind.EMPTY, None, "", "", 0),
    ],
)
def test_a_typed_text_is_a_number_a_postcode_or_words(
    text: str, kind: QueryKind, number: str | None, digits: str, post_code: str, word_count: int
) -> None:
    """A typed text is read as a corporation number, a postcode or words."""
    query = parse_registry_query(text)
    query_facts = (query.kind, query.number, query.digits, query.post_code, len(query.words))
    assert query_facts == (kind, number, digits, post_code, word_count)


def test_a_separate_voicing_mark_belongs_to_the_kana_before_it() -> None:
    """A separate voicing mark, which some input methods write, belongs to the kana before it."""
    assert parse_registry_query("カ゛ーテ゛ンハ゜ーク") == parse_registry_query("ガーデンパーク")


@pytest.mark.parametrize("typed", ["13", "東京都", "東京", "tokyo", "Tokyo", " TOKYO-to "])
def test_a_prefecture_is_found_by_its_spellings(typed: str) -> None:
    """A prefecture is found by its spellings."""
    assert find_prefecture_code(typed) == "13"


def test_every_prefecture_has_a_code() -> None:
    """Each prefecture has a code."""
    assert [find_prefecture_code(name) for name in PREFECTURE_NAME_BY_CODE.values()] == [
        f"{code:02}" for code in range(1, 48)
    ]
    assert find_prefecture_code("京") is None


@pytest.mark.parametrize(
    ("text", "other_spellings"),
    [
        ("トーキョー", ["トウキョウ", "トウキョー", "トーキョウ"]),
        ("けーえむてぃー", ["ケイエムティイ", "ケイエムティー", "ケーエムティイ"]),
        ("ｶﾝｺ-", ["カンコウ"]),
        ("竹ノ内2", ["竹乃内2", "竹之内2", "竹ノ内二"]),
        ("山田製作所", ["山田制作所"]),
        ("山本電気", ["山本電機", "山本電器"]),
        ("Saito and Partners", ["Saito Partners"]),
        ("ビンズアンドリフ", ["ビンズ リフ"]),
        ("アンドウ物産", ["アンド物産"]),
        ("第12ビル", ["第十二ビル", "第一二ビル"]),
        ("第二十四ビル", ["第24ビル"]),
        ("DIY工房", ["ディーアイワイ工房"]),
        ("aj物産", ["エージェー物産", "エイジェイ物産"]),
        ("トウキョウワン", ["トキョワン"]),
        ("セイコウ", []),
        ("フィットネス湊", ["フィットネス 湊"]),
        ("3-1-2 A-B", ["三-一-二 A-B"]),
        ("○◯会", ["〇〇会"]),
        ("", []),
    ],
)
def test_a_text_spelled_by_its_sound_has_other_spellings(text: str, other_spellings: list[str]) -> None:
    """For a text that is written as it is heard, the search also uses the expected other spellings."""
    assert list(list_other_spellings(text)) == other_spellings


def test_a_text_has_only_a_few_other_spellings() -> None:
    """The number of other spellings of a text is limited, because the program makes a search for each of them."""
    assert len(list(list_other_spellings("ー竹ノ内1カー" * 70))) < 10
