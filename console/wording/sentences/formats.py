"""Functions that format instants, ages, amounts and numbers as texts for people. Times are in Japanese time;
amounts are computed with integers only."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta, timezone
from typing import Literal

from console.domain.calendar_days import JST, compute_last_valid_day, convert_to_local
from console.domain.money import get_decimal_places

TimeStyle = Literal["full", "short", "clock", "day", "until"]
NO_VALUE = "–"
_MINUS_SIGN = "\u2212"
_SYMBOL_BY_CURRENCY = {"JPY": "¥", "INR": "₹"}
_STRFTIME_FORMAT_BY_STYLE = {
    "full": "%Y-%m-%d %H:%M:%S JST",
    "short": "%m-%d %H:%M",
    "clock": "%H:%M:%S",
    "day": "%Y-%m-%d",
}


def capitalize_first_letter(text: str) -> str:
    """Return the text with a capital as its first letter. Some words are written for the middle of a sentence; with a
    capital they can be shown alone, such as in the cell of a table."""
    return text[:1].upper() + text[1:]


def join_facts(facts: Iterable[str], translate: Callable[..., str]) -> str:
    """Return facts, such as a name and an amount, as one text with the separator of the language of `translate`
    between them; empty facts are left out."""
    return translate("list.fact_separator").join(filter(None, facts))


def join_sentences(sentences: Iterable[str], translate: Callable[..., str]) -> str:
    """Return the sentences as one text. Two Japanese sentences are joined without a space. After a text that has no
    full stop, such as a title or the words of a person, the separator of facts stands before the next text, so that
    the two texts are not read as one."""
    text = ""
    for sentence in filter(None, sentences):
        if not text or text[-1] in "。！？":
            text += sentence
        else:
            text = f"{text} {sentence}" if text[-1] in ".?!" else join_facts((text, sentence), translate)
    return text


def format_instant(at: datetime | None, style: TimeStyle = "full") -> str:
    """Return an instant as text in Japanese time; None becomes –. The style `full` is `2026-11-20 15:04:05 JST`,
    `short` is `11-20 15:04`, `clock` is `15:04:05`, `day` is `2026-11-20`.

    For the style `until`, `at` is the end of a period, and the text is the last Japanese day of this period.
    """
    if at is None:
        return NO_VALUE
    if style == "until":
        return format_day(compute_last_valid_day(at))
    local = convert_to_local(at, JST)
    return local.strftime(_STRFTIME_FORMAT_BY_STYLE[style].replace("%Y", f"{local.year:04}"))  # %Y drops zeros


def format_instant_in_zones(at: datetime | None, zone: timezone, separator: str) -> str:
    """Return an instant in Japanese time and in `zone`, the time zone of a provider, such as `2026-11-20 15:04:05
    JST · 11:34:05 IST`. If the day in `zone` differs from the day in Japan, the text has a day for each of the two
    times. `separator` is the text between the two times. If `zone` is Japan's time zone, the text has only the
    Japanese time. None becomes –."""
    text = format_instant(at)
    if at is None or zone == JST:
        return text
    local = convert_to_local(at, zone)
    is_same_day = local.date() == convert_to_local(at, JST).date()
    day_text = "" if is_same_day else f"{format_day(local.date())} "
    return f"{text}{separator}{day_text}{local:%H:%M:%S} {zone.tzname(None)}"


def format_short_instant(at: datetime, now: datetime) -> str:
    """Return an instant as `11-20 15:04` in Japanese time, or as `2025-11-20 15:04` if its year differs from the year
    of `now`."""
    text = format_instant(at, "short")
    year = convert_to_local(at, JST).year
    return text if year == now.astimezone(JST).year else f"{year}-{text}"


def format_clock_instant(at: datetime, now: datetime) -> str:
    """Return an instant of the Japanese day of `now` as `15:04:05`. Return any other instant as
    `format_short_instant` does, because without its day it would be read as an instant of today."""
    return format_instant(at, "clock") if _is_same_japanese_day(at, now) else format_short_instant(at, now)


def format_minute_instant(at: datetime, now: datetime) -> str:
    """Return an instant as `format_clock_instant` does, but always without seconds: `15:04` or `11-20 15:04`."""
    return format_instant(at, "clock")[:5] if _is_same_japanese_day(at, now) else format_short_instant(at, now)


def _is_same_japanese_day(instant: datetime, other_instant: datetime) -> bool:
    """Return True if the two instants are on the same Japanese day."""
    return convert_to_local(instant, JST).date() == convert_to_local(other_instant, JST).date()


def format_day(day: date | None) -> str:
    """Return a day as text such as `2026-11-20`; None becomes –."""
    return NO_VALUE if day is None else day.isoformat()


def split_age_into_number_and_unit(age: timedelta) -> tuple[int, str]:
    """Return an age as a whole number and the wording key of its unit: seconds below one minute, minutes below one
    hour, hours below two days, otherwise days."""
    seconds = max(0, int(age.total_seconds()))
    for unit, size, limit in (("seconds", 1, 60), ("minutes", 60, 3_600), ("hours", 3_600, 172_800)):
        if seconds < limit:
            return seconds // size, f"unit.{unit}"
    return seconds // 86_400, "unit.days"


def format_corporation_number(corporation_number: str) -> str:
    """Return a corporation number in groups of digits, such as `7 1234 5678 9012`; any other text unchanged."""
    # imported here, because help pages and most refusals name no number
    from console.domain.corporation_number import group_digits

    return group_digits(corporation_number)


def format_count(count: int, *, is_capped: bool = False) -> str:
    """Return a count as text such as `1,204`. If `is_capped` is True, return `1,204+`, because the program stopped
    counting at this number."""
    return f"{count:,}+" if is_capped else f"{count:,}"


def format_amount(amount_minor: int, currency: str) -> str:
    """Return an amount in minor units as text, such as `¥12,000` or `₹1,23,456.00`; a negative amount begins with −.
    For a currency without a symbol, the text has the currency code and as many decimals as the currency has."""
    symbol = _SYMBOL_BY_CURRENCY.get(currency, f"{currency} ")
    return f"{_MINUS_SIGN if amount_minor < 0 else ''}{symbol}{format_amount_digits(amount_minor, currency)}"


def format_amount_digits(amount_minor: int, currency: str) -> str:
    """Return the digits of an amount in minor units, without sign and currency, such as `12,000` or `1,23,456.00`."""
    decimals = get_decimal_places(currency)
    units, subunits = divmod(abs(amount_minor), 10**decimals)
    digits = _group_digits_in_indian_style(units) if currency == "INR" else f"{units:,}"
    return f"{digits}.{subunits:0{decimals}d}" if decimals else digits


def get_currency_symbol(currency: str) -> str:
    """Return the symbol of a currency, such as `¥`; if the currency has no symbol, return its code."""
    return _SYMBOL_BY_CURRENCY.get(currency, currency)


def _group_digits_in_indian_style(number: int) -> str:
    """Return a number with commas as written in India, such as `1,23,456`: the last three digits are a group, the
    digits before are groups of two."""
    thousands, last_three_digits = divmod(number, 1000)
    if not thousands:
        return str(number)
    text = str(thousands)
    first_width = len(text) % 2
    pairs = ([text[:first_width]] if first_width else []) + [
        text[i : i + 2] for i in range(first_width, len(text), 2)
    ]
    return ",".join([*pairs, f"{last_three_digits:03d}"])


def format_bytes(size_bytes: int) -> str:
    """Return a number of bytes as text, such as `182 KB`, `4.2 KB` or `3.0 MB`."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    kilobytes = size_bytes / 1024
    unit, value = ("KB", kilobytes) if kilobytes < 1000 else ("MB", kilobytes / 1024)
    return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"


def shorten_id(text: str) -> str:
    """Return the first and the last four characters of an identifier of more than 12 characters, such as
    `7f3c…d2a1`; a shorter identifier is returned unchanged."""
    return text if len(text) <= 12 else f"{text[:4]}…{text[-4:]}"
