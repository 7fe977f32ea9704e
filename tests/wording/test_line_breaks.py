"""Tests of the places where a line of Japanese may end: between phrases, and never inside words and numbers.
Splitting a text leaves its characters unchanged.
"""

import pytest

from console.wording.sentences.catalogue import read_sentences
from console.wording.sentences.line_breaks import (
    NO_BREAK_SPACE,
    POSSIBLE_BREAK,
    WORD_JOINER,
    allow_breaks_in_long_words,
    keep_phrases_whole,
    remove_line_break_marks,
    split_phrases,
)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("購入の結果が不明です。", "購入の|結果が|不明です。"),
        ("時間切れ", "時間切れ"),
        ("支払い済みです。", "支払い済みです。"),
        ("返金回数の上限に達しています。", "返金回数の|上限に|達しています。"),
        ("この法人番号は購入できません。", "この|法人番号は|購入できません。"),
        ("11-20\xa015:09 に確認します（8 回中 3 回目）。", "11-20\xa015:09 に|確認します|（8 回中 3 回目）。"),
        ("PayPay へ自動的に送信します。", "PayPay へ|自動的に|送信します。"),
        ("状態確認（P）を行います。", "状態確認（P）を|行います。"),
        ("会社名、PDF が不足しています。", "会社名、|PDF が|不足しています。"),
        ("決済 ORD-2026・支払額 ¥12,000・申請者 op-a", "決済 ORD-2026・|支払額 ¥12,000・|申請者 op-a"),
        ("不一致: 注文は未入金のままです。", "不一致: |注文は|未入金のままです。"),
        ("処理中 → 購入済", "処理中 → |購入済"),
        ("ほかの不一致はアラートにします。", "ほかの|不一致は|アラートにします。"),
        ("承認者です\nです。", "承認者です\n|です。"),
        ("The order is paid.", "The |order |is |paid."),
        ("", ""),
    ],
)  # fmt: skip
def test_a_japanese_text_is_split_into_its_phrases(text: str, phrases: str) -> None:
    """A Japanese text is split into the expected phrases, even if a phrase contains a Latin word or a number with its
    counter.
    """
    assert "|".join(split_phrases(text)) == phrases


@pytest.mark.parametrize(
    ("text", "marked_text"),
    [
        ("結果が不明です。", "結~果~が不~明~で~す。"),
        ("PDF が不足", "PDF_が不~足"),
        ("（8 回中）", "（8_回~中）"),
        ("1,000／本来", "1,000~／本~来"),
        ("10:46 JST（6 日前）に", "10:46 JST|（6_日~前）~に"),
        ("support-console db check を実行", "support-~console db check_を実~行"),
        ("2026-11-20 に", "2026-11-20_に"),
        ("0190f3c2-aaaa-7bbb-8ccc-dddddddddddd を", "0190f3c2-aaaa-7bbb-8ccc-dddddddddddd_を"),
        ("Approve the refund", "Approve the refund"),
    ],
)
def test_a_line_can_end_between_phrases_alone(text: str, marked_text: str) -> None:
    """`keep_phrases_whole` adds the expected marks, so that a line can end only between phrases. In the examples `~`
    is a word joiner, `_` a no-break space, and `|` an invisible possible line end. Punctuation needs no marks.
    """
    marked = marked_text.replace("~", WORD_JOINER).replace("_", NO_BREAK_SPACE).replace("|", POSSIBLE_BREAK)
    assert keep_phrases_whole(text) == marked


def test_a_phrase_that_is_too_long_for_a_line_may_end_anywhere() -> None:
    """A phrase that is longer than a line, such as a company's name, gets no marks inside, so that its lines can end
    anywhere. The other phrases are not divided.
    """
    name = "東京国際総合情報技術研究開発機構関東甲信越地域統括事業本部"
    assert keep_phrases_whole(f"決済、{name}") == f"決{WORD_JOINER}済、{name}"


def test_a_latin_word_that_is_too_long_for_a_line_may_end_inside() -> None:
    """A Latin word that is longer than a line, such as a web address, gets possible line ends inside. An id of 32
    characters gets none.
    """
    address = "https://desk.example/" + 5 * "0123456789abcdef"
    marked = allow_breaks_in_long_words(f"See {address}.")
    assert max(map(len, marked.split(POSSIBLE_BREAK))) <= len("See ") + 16
    assert remove_line_break_marks(marked) == f"See {address}."
    assert allow_breaks_in_long_words("f" * 32) == "f" * 32


def test_phrases_of_each_japanese_text_join_to_the_text() -> None:
    """For each Japanese text, the marked text without its marks equals the text, and its phrases joined together
    equal the text too.
    """
    for text in read_sentences("ja").values():
        assert remove_line_break_marks(keep_phrases_whole(text)) == text
        assert "".join(split_phrases(text)) == text


def test_no_phrase_begins_with_small_kana_or_punctuation() -> None:
    """No phrase of a Japanese text begins with a small kana, a closing bracket or a punctuation mark."""
    for text in set(read_sentences("ja").values()) - {"、"}:
        assert [phrase for phrase in split_phrases(text) if phrase[0] in "、。）」ーっゃゅょッャュョん"] == [], text
