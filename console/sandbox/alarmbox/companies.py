"""What the simulated AlarmBox knows about a company: invented, and the same at every start.

Every name begins with a word that says "made up" (架空, 見本, …), so that nobody takes it for a real firm.
"""

import hashlib
from datetime import date, timedelta

from console.sandbox.wire import JsonObject

MADE_UP = ("架空", "見本", "仮想", "例示", "空想", "模擬", "練習用", "おためし")
MIDDLE = (
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
TRADE = ("商事", "精機", "建設", "食品", "運輸", "電子", "化成", "印刷", "農園", "設計", "物産", "システム")
FORM = (("", "株式会社"), ("株式会社", ""), ("", "合同会社"), ("有限会社", ""))
EVENTS = (
    ("登記変更", "本店移転", "登記情報"),
    ("登記変更", "代表取締役の変更", "登記情報"),
    ("支払", "支払の遅れについての情報", "取引先情報"),
    ("評判", "口コミの増加", None),
    ("採用", "求人の停止", "求人情報"),
    ("官報", "決算公告", "官報"),
)
TEST_ACCOUNT_RESULTS = {"0000000000001": "ok", "0000000000002": "hold", "0000000000003": "ng"}


def company_name(number: str) -> str:
    """An invented name, always the same one for a corporation number."""
    seed = _seed("name", number)
    before, after = FORM[seed[3] % len(FORM)]
    parts = (MADE_UP[seed[0] % len(MADE_UP)], MIDDLE[seed[1] % len(MIDDLE)], TRADE[seed[2] % len(TRADE)])
    return before + "".join(parts) + after


def verdict(number: str) -> str:
    """ok (7 of 10), hold (2 of 10) or ng; the dummy numbers of a test account have fixed ones."""
    draw = _seed("result", number)[0] % 10
    return TEST_ACCOUNT_RESULTS.get(number) or ("ok" if draw < 7 else "hold" if draw < 9 else "ng")


def infos(number: str, until: date) -> list[JsonObject]:
    """Up to three things that were heard about the company in the year before `until`, newest first."""
    seed = _seed("infos", number)
    days = sorted(until - timedelta(days=1 + seed[n] + seed[n + 3] % 100) for n in range(seed[9] % 4))
    return [_info(day, seed[10 + n]) for n, day in enumerate(reversed(days))]


def _info(day: date, draw: int) -> JsonObject:
    name, description, source = EVENTS[draw % len(EVENTS)]
    return {
        "received_date": day.isoformat(),
        "tags": [{"name": name, "description": description, "source": source}],
    }


def _seed(kind: str, number: str) -> bytes:
    return hashlib.sha256(f"{kind}:{number}".encode()).digest()
