"""Companies of the simulated AlarmBox. The companies are invented; they have the same data at every start of the
sandbox.

Each name begins with a word that means "invented" (架空, 見本, …), so that nobody takes it for a real company.
"""

import hashlib
from datetime import date, timedelta

from console.sandbox.http.messages import JsonObject

NAME_WORDS_MEANING_INVENTED = ("架空", "見本", "仮想", "例示", "空想", "模擬", "練習用", "おためし")
MIDDLE_WORDS_OF_NAMES = (
    "あおば",
    "みなと",
    "さくら",
    "東風",
    "北斗",
    "青嶺",
    "白鷺",
    "若葉",
    "銀河",
    "朝凪",
    "つばめ",
    "月見",
)
TRADE_WORDS_OF_NAMES = (
    "商事",
    "精機",
    "建設",
    "食品",
    "運輸",
    "電子",
    "化成",
    "印刷",
    "農園",
    "設計",
    "物産",
    "システム",
)
FURIGANA_BY_NAME_WORD = {
    "架空": "カクウ",
    "見本": "ミホン",
    "仮想": "カソウ",
    "例示": "レイジ",
    "空想": "クウソウ",
    "模擬": "モギ",
    "練習用": "レンシュウヨウ",
    "おためし": "オタメシ",
    "あおば": "アオバ",
    "みなと": "ミナト",
    "さくら": "サクラ",
    "東風": "コチ",
    "北斗": "ホクト",
    "青嶺": "アオネ",
    "白鷺": "シラサギ",
    "若葉": "ワカバ",
    "銀河": "ギンガ",
    "朝凪": "アサナギ",
    "つばめ": "ツバメ",
    "月見": "ツキミ",
    "商事": "ショウジ",
    "精機": "セイキ",
    "建設": "ケンセツ",
    "食品": "ショクヒン",
    "運輸": "ウンユ",
    "電子": "デンシ",
    "化成": "カセイ",
    "印刷": "インサツ",
    "農園": "ノウエン",
    "設計": "セッケイ",
    "物産": "ブッサン",
    "システム": "システム",
}
LEGAL_FORM_PREFIXES_AND_SUFFIXES = (("", "株式会社"), ("株式会社", ""), ("", "合同会社"), ("有限会社", ""))
INVENTED_NEWS_EVENTS = (
    ("登記変更", "本店移転", "登記情報"),
    ("登記変更", "代表取締役の変更", "登記情報"),
    ("支払", "支払の遅れについての情報", "取引先情報"),
    ("評判", "口コミの増加", None),
    ("採用", "求人の停止", "求人情報"),
    ("官報", "決算公告", "官報"),
)
VERDICT_BY_TEST_CORPORATION_NUMBER = {"0000000000001": "ok", "0000000000002": "hold", "0000000000003": "ng"}


def make_company_name(corporation_number: str) -> str:
    """Return the invented company name for a corporation number. The same number always gets the same name."""
    prefix, suffix = LEGAL_FORM_PREFIXES_AND_SUFFIXES[
        _derive_random_bytes("name", corporation_number)[3] % len(LEGAL_FORM_PREFIXES_AND_SUFFIXES)
    ]
    return prefix + "".join(_choose_name_words(corporation_number)) + suffix


def make_company_furigana(corporation_number: str) -> str:
    """Return the katakana reading of the invented company name for a corporation number. The reading is without
    the legal form, as in the corporation registry."""
    return "".join(FURIGANA_BY_NAME_WORD[word] for word in _choose_name_words(corporation_number))


def _choose_name_words(corporation_number: str) -> tuple[str, str, str]:
    """Return the first, middle and last word of the name of an invented company."""
    seed = _derive_random_bytes("name", corporation_number)
    return (
        NAME_WORDS_MEANING_INVENTED[seed[0] % len(NAME_WORDS_MEANING_INVENTED)],
        MIDDLE_WORDS_OF_NAMES[seed[1] % len(MIDDLE_WORDS_OF_NAMES)],
        TRADE_WORDS_OF_NAMES[seed[2] % len(TRADE_WORDS_OF_NAMES)],
    )


def get_credit_verdict(corporation_number: str) -> str:
    """Return the result of a credit check for a corporation number: ok (7 of 10 numbers), hold (2 of 10) or ng (1 of
    10). The numbers of AlarmBox's test companies have fixed results.
    """
    random_byte = _derive_random_bytes("result", corporation_number)[0] % 10
    return VERDICT_BY_TEST_CORPORATION_NUMBER.get(corporation_number) or (
        "ok" if random_byte < 7 else "hold" if random_byte < 9 else "ng"
    )


def make_news_items(corporation_number: str, last_day: date) -> list[JsonObject]:
    """Return up to three invented news items about the company with this corporation number, from the year before
    `last_day`, newest first."""
    seed = _derive_random_bytes("infos", corporation_number)
    days = sorted(last_day - timedelta(days=1 + seed[n] + seed[n + 3] % 100) for n in range(seed[9] % 4))
    return [_make_news_item(day, seed[10 + n]) for n, day in enumerate(reversed(days))]


def _make_news_item(day: date, random_byte: int) -> JsonObject:
    name, description, source = INVENTED_NEWS_EVENTS[random_byte % len(INVENTED_NEWS_EVENTS)]
    return {
        "received_date": day.isoformat(),
        "tags": [{"name": name, "description": description, "source": source}],
    }


def _derive_random_bytes(kind: str, corporation_number: str) -> bytes:
    """Return bytes that look random but are always the same for one corporation number and one kind of value."""
    return hashlib.sha256(f"{kind}:{corporation_number}".encode()).digest()
