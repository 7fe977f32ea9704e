"""Tests of rules for the Japanese texts: their style, one word for each meaning, spaces and punctuation."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from console.domain.money import Money
from console.wording.sentences.catalogue import list_placeholder_names, read_sentences, translate
from console.wording.sentences.japanese import (
    JAPANESE_LETTER_RANGES,
    is_japanese_letter,
    is_latin_letter,
    join_around_fact,
)
from tests.wording.test_glossary import read_terms

# The labels of the providers' states are agreed with the shop to the letter (`tests/vectors`), brackets included.
JAPANESE_SENTENCES = {
    key: text for key, text in read_sentences("ja").items() if not key.startswith("provider_state.")
}
BUTTON_KEY_PATTERN = re.compile(r"(action|command|key|alerts_screen\.action)\.|bulk\.act\.|.*\.(\w+_)?act(_\w+)?$")

# A word that no sentence contains, and why.
REASON_BY_FORBIDDEN_WORD = {
    "答え": "a child's word: the provider's 回答, or the 応答 of a connection",
    "入金済みの注文が未入金": "it contradicts itself: 支払い後も注文が未入金",
    "該当あり": "in a check for anti-social forces it means a hit: 記録あり",
    "該当なし": "in a check for anti-social forces it means no hit: 記録なし",
    "鍵束": "a literal translation of keyring: キーチェーン",
    "キーリング": "the same thing is called キーチェーン",
    "先方": "a business partner: 決済会社 or 提供元",
    "決済事業者": "the same thing is called 決済会社",
    "外部サービス": "the same thing is called 提供元",
    "当方": "the same thing is called 当社",
    "警告": "the same thing is called アラート",
    "ワーカー": "the same thing is called 自動処理",
    "待ち行列": "the same thing is called 対応一覧",
    "担当者": "it means role, person and assignee: オペレーター, 利用者, 担当",
    "お金": "a child's word: 資金, 金額, 資金移動",
    "頼": "of a favour; a request is 依頼",
    "断り": "of a person: 拒否しました, or an approver's 却下しました",
    "断られ": "of a person: 拒否されました",
    "だれ": "spoken: the role that acts is named",
    "第一の人": "a literal translation: （1 人目）",
    "合わない点": "spoken: 不整合",
    "事実が合": "a literal translation: 状態が一致すると",
    "出どころ": "spoken: 取得元",
    "在籍": "of employment: アカウントは有効",
    "もう一度": "spoken: 再度",
    "聞ける": "spoken: 照会できる",
    "見比べ": "spoken: 比較, 照らし合わせ",
    "送っていません": "one verb: 送信していません",
    "送りません": "one verb: 送信しません",
    "確かめ": "one verb: 確認します",
    "使えません": "spoken: 使用できません",
    "読めません": "spoken: 読み取れません",
    "分かりません": "spoken: 不明です, 確認できていません",
    "わかりません": "spoken: 不明です, 確認できていません",
    "のです": "it explains where a fact is enough",
    "あなた": "a bank's clerk isn't addressed so: 自分, ご自身",
    "書き出": "the same act is called 出力",
    "問合せ": "one spelling: 問い合わせ",
    "取り下げの": "one spelling of the noun: 取下げ",
    "書込": "one spelling: 書き込み",
    "第二の人": "第二確認者",
    "次にすること": "the same thing is called 次の対応",
    "出荷": "the same thing is called 発送, as in the order's state",
    "トレーニング": "the same thing is called 研修",
    "読み直": "the same thing is called 再読込",
    "お客様": "the same person is called 支払者",
    "お支払い": "a clerk reads it, no customer: 支払い",
    "お試し": "one way to advise it: 再度実行",
}  # fmt: skip
ALLOWED_WORDS_BY_PART = {"頼": ("依頼",), "のです": ("ものです",)}
# Commands are written as they are typed.
COMMAND_PATTERN = re.compile(r"(chmod|pip install)[^。]*")


@pytest.mark.parametrize("word", REASON_BY_FORBIDDEN_WORD)
def test_no_sentence_has_a_forbidden_word(word: str) -> None:
    """No Japanese text contains one of the forbidden words, which have the wrong style or are a second word for the
    same meaning.
    """
    faulty_keys = []
    for key, text in JAPANESE_SENTENCES.items():
        for allowed in ALLOWED_WORDS_BY_PART.get(word, ()):
            text = text.replace(allowed, "")
        if word in text:
            faulty_keys.append(key)
    assert faulty_keys == [], REASON_BY_FORBIDDEN_WORD[word]


def test_the_answer_of_a_provider_has_one_word() -> None:
    """The answer of a provider or a worker to a call is called 回答. The word 応答 only says whether and how fast a
    system reacts, as in 応答なし."""
    reactions = (
        r"応答(なし|しな|しま|して|時間|の時間切れ|を再開|が遅|が速|が長|がな|がありません|のない|に )"
        r"|認証応答|^\{at\} 応答$"
    )
    faulty_keys = [key for key, text in JAPANESE_SENTENCES.items() if "応答" in re.sub(reactions, "", text)]
    assert faulty_keys == []


def test_a_space_stands_between_japanese_and_latin_letters() -> None:
    """A Japanese text has a space between Japanese and Latin letters or digits (PDF を取得, 24 時間), and no space
    next to Japanese punctuation.
    """
    touching = re.compile(rf"[A-Za-z0-9%][{JAPANESE_LETTER_RANGES}]|[{JAPANESE_LETTER_RANGES}][A-Za-z0-9]")
    spaced = re.compile(rf"[、。（「・] |(?<!:) [、。）」・]|[{JAPANESE_LETTER_RANGES}] [{JAPANESE_LETTER_RANGES}]")
    for key, text in JAPANESE_SENTENCES.items():
        bare = COMMAND_PATTERN.sub("¤", re.sub(r"\{[^{}]*\}", "¤", text))
        fault = touching.search(bare) or spaced.search(bare)
        assert fault is None or fault.group() in ("ー c",) or "://" in bare or "--user" in bare, (key, text)


def test_the_kinds_of_letters_are_those_of_the_patterns() -> None:
    """For each character, `is_japanese_letter` and `is_latin_letter` say the same as the regular expressions with
    which other modules and these tests find letters."""
    characters = "".join(map(chr, range(0x10000)))
    japanese, latin = re.compile(f"[{JAPANESE_LETTER_RANGES}]"), re.compile("[A-Za-z0-9¥₹%]")
    assert list(filter(is_japanese_letter, characters)) == japanese.findall(characters)
    assert list(filter(is_latin_letter, characters)) == latin.findall(characters)
    assert not is_japanese_letter("")
    assert not is_latin_letter("")


KIND_BY_LATIN_VALUE = {
    "op-a": "a name", 12: "a number", Money(12_000, "JPY"): "a sum", datetime(2026, 11, 20, tzinfo=UTC): "a time"
}  # fmt: skip


@pytest.mark.parametrize("fact", [*KIND_BY_LATIN_VALUE, "処理中", timedelta(hours=2)], ids=str)
def test_facts_in_japanese_sentences_have_their_spaces(fact: object) -> None:
    """A Japanese sentence with filled-in facts follows the rule of spaces for each kind of fact."""
    touching = re.compile(rf"[A-Za-z0-9¥₹%][{JAPANESE_LETTER_RANGES}]|[{JAPANESE_LETTER_RANGES}][A-Za-z0-9¥₹]")
    for key, text in JAPANESE_SENTENCES.items():
        if "://" in text:
            continue
        sentence = translate(key, "ja", **dict.fromkeys(list_placeholder_names(text), fact))
        assert touching.search(COMMAND_PATTERN.sub("¤", sentence)) is None, (key, sentence)
        assert not re.search(rf"[{JAPANESE_LETTER_RANGES}][はがをにでのとも] {fact}", sentence) or fact != "処理中", (
            key
        )


@pytest.mark.parametrize(
    ("before", "after", "joined"),
    [
        ("会社名、PDF", "が不足", "会社名、PDF が不足"),
        ("会社名", "が不足", "会社名が不足"),
        ("購入済", " の記録", "購入済の記録"),
        ("結果 ", "低リスク", "結果 低リスク"),
        ("必要な権限は ", "管理者", "必要な権限は管理者"),
        ("必要な権限は ", "admin", "必要な権限は admin"),
        ("12", "、", "12、"),
        ("注文", "¥12,000", "注文 ¥12,000"),
        ("", "注文", "注文"),
        ("購入済みです。", " ", "購入済みです。"),
        ("復旧をお待ちください。", "、14:52:45 から", "復旧をお待ちください、14:52:45 から"),
        ("復旧をお待ちください。", "）。解除", "復旧をお待ちください）。解除"),
        ("復旧をお待ちください。", "」です。", "復旧をお待ちください」です。"),
        ("返金 R-34（決済 A-10442）", " の申請", "返金 R-34（決済 A-10442）の申請"),
        ("架空商事（法人情報）", " 7 1234 5678 9012", "架空商事（法人情報） 7 1234 5678 9012"),
    ],
)
def test_text_pieces_are_joined_by_the_spacing_rule(before: str, after: str, joined: str) -> None:
    """When a sentence is filled in, a space is added between Japanese text and a Latin fact. After a Japanese fact
    the space before a particle is removed, also after a closing bracket. No space follows a full stop, and no full
    stop comes before a comma or a closing bracket.
    """
    assert join_around_fact(before, after) == joined


def test_japanese_texts_have_japanese_punctuation() -> None:
    """Japanese texts use 「」 for quotations and （） around Japanese, and have no full-width colon and no nested
    brackets.
    """
    for key, text in JAPANESE_SENTENCES.items():
        bare = COMMAND_PATTERN.sub("¤", text)
        assert '"' not in text, key
        assert "'" not in bare, key
        assert not re.search(rf"\([^()]*[{JAPANESE_LETTER_RANGES}]|[：；！？～＂＇]|[０-９Ａ-Ｚａ-ｚ]", bare), key
        assert not re.search(r"。。|、、|。、|、。|。\S*。）", bare), key
        assert "））" not in text, key
        assert not re.search(r"（[^）]*（", text), key


@pytest.mark.parametrize("family", ["cause", "refusal", "outcome", "pack.why"])
def test_a_word_shown_in_brackets_contains_no_brackets(family: str) -> None:
    """Words that a sentence shows in brackets contain no brackets and no full stop themselves."""
    words = {key: text for key, text in JAPANESE_SENTENCES.items() if key.startswith(family + ".")}
    assert words
    assert {key: text for key, text in words.items() if re.search(r"[（）()。]", text)} == {}


def test_japanese_buttons_are_nouns_or_plain_verbs() -> None:
    """Japanese buttons, keys and commands are nouns or plain verbs, without polite endings."""
    buttons = {key: text for key, text in JAPANESE_SENTENCES.items() if BUTTON_KEY_PATTERN.match(key)}
    assert len(buttons) > 130
    polite = re.compile(r"(です|ます|ください|ました|ません)…?$|。")
    assert {
        key: text
        for key, text in buttons.items()
        if polite.search(text) and not key.startswith("act.") and key != "action.copied"
    } == {}


def test_a_question_of_a_dialog_has_no_mark() -> None:
    """A Japanese question of a dialog, such as 〜しますか, has no punctuation at its end."""
    assert [key for key, text in JAPANESE_SENTENCES.items() if re.search(r"か[。？?]$", text)] == []


def test_a_probe_is_advised_by_the_name_of_its_button() -> None:
    """Where the English text advises a probe, the Japanese text says 状態確認, as the button does, or 状態を確認.
    照会 alone is also the word for lookups and for questions to a provider.
    """
    english = read_sentences("en")
    advised = {
        key: text
        for key, text in JAPANESE_SENTENCES.items()
        if re.search(r"\b[Pp]robe\b", english[key]) and not key.startswith(("cli.help.", "doctor."))
    }
    assert len(advised) > 60
    assert {key: text for key, text in advised.items() if "照会" in text and "状態" not in text} == {}


def test_each_term_has_one_word() -> None:
    """Each Japanese word in the glossary belongs to only one term."""
    counted = Counter(term.japanese for term in read_terms())
    assert {word for word, count in counted.items() if count > 1} == set()


def test_japanese_counts_have_their_counter_words() -> None:
    """A count in a Japanese text is followed by a counter such as 件, 行 or 人, or by a unit."""
    counted = re.compile(
        r"\{(?:n|rows|count|done|left|most|would|skip|refused|differ|imported):count\}(?P<after>.?.?)"
    )
    bare = {
        key: text
        for key, text in JAPANESE_SENTENCES.items()
        for match in counted.finditer(text)
        if not re.match(r" ?[件行人秒種文フ回]| M| ま", match["after"])
    }
    assert set(bare) <= {"cli.reconcile.counts", "cli.task", "reconcile.counted"}, bare
