"""The simulated Web-API of the corporation registry, version 4: `/4/num`, `/4/diff`, `/4/name`.

It follows the publisher's specification (法人番号システム Web-API, Ver.4). An answer has at most 2,000 rows; the
parameter `divide` selects a further part. The answer to a wrong request has status 400, with an error code and a text
as CSV. The answer to an unknown application id has status 404, that to too frequent requests 403, each without a
body. The error codes 013 and 030 are the publisher's; the sandbox has invented the other codes.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from itertools import islice
from xml.sax.saxutils import escape

from console.sandbox.environment.credentials import REGISTRY_APPLICATION_ID
from console.sandbox.http.calls import ProviderCall, ProviderRoute, make_route
from console.sandbox.http.messages import HttpReply, HttpRequest, RequestRefused
from console.sandbox.registry.published_registry import PublishedRegistry
from console.sandbox.registry.rows import (
    FULL_WIDTH_DIGITS_TABLE,
    WEB_API_FIELD_NAMES,
    RegistryRow,
    add_check_digit,
    format_csv_line,
)

PROVIDER_NAME = "registry"
MAX_ROWS_PER_ANSWER = 2_000
MAX_NUMBERS_PER_REQUEST = 10
MAX_DIFFERENCE_PERIOD = timedelta(days=50)
FIRST_DIFFERENCE_DAY = date(2015, 12, 1)

_CSV_MEDIA_TYPE = "application/csv"
_XML_MEDIA_TYPE = "application/xml"
_HTML_MEDIA_TYPE = "text/html"
_CORPORATION_KINDS_BY_QUERY_CODE: Mapping[str, frozenset[str]] = {
    "01": frozenset({"101"}),
    "02": frozenset({"201"}),
    "03": frozenset({"301", "302", "303", "304", "305", "399"}),
    "04": frozenset({"401", "499"}),
}
_HIRAGANA_TO_KATAKANA_TABLE = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_REMOVE_NAME_SEPARATORS_TABLE = str.maketrans("", "", "・\u3000 ")


class SimulatedRegistry:
    """The simulated Web-API, which answers with the rows of a PublishedRegistry."""

    def __init__(self, published_registry: PublishedRegistry) -> None:
        self._published = published_registry

    def list_routes(self) -> tuple[ProviderRoute, ...]:
        """Return the HTTP routes of the simulated Web-API."""
        return (
            make_route("GET", "/4/num", self._parse_number_call),
            make_route("GET", "/4/diff", self._parse_difference_call),
            make_route("GET", "/4/name", self._parse_name_call),
        )

    def _parse_number_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall:
        query = _require_valid_query(request)
        numbers = query.get("number", "").split(",")
        _refuse_unless(len(numbers) <= MAX_NUMBERS_PER_REQUEST, "011", "法人番号は10件以内で指定してください。")
        _refuse_unless(
            all(re.fullmatch("[0-9]{13}", number) and add_check_digit(number[1:]) == number for number in numbers),
            "010",
            "法人番号に誤りがあります。",
        )

        def answer_number_query() -> HttpReply:
            rows_by_number = [self._published.list_rows_of_number(number) for number in numbers]
            rows = [row for rows in rows_by_number for row in (rows if query.get("history") == "1" else rows[-1:])]
            return self._make_reply(query, rows)

        return self._make_provider_call("registry_num", answer_number_query, numbers[0])

    def _parse_difference_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall:
        query = _require_valid_query(request)
        first_day, last_day = _read_query_day(query, "from"), _read_query_day(query, "to")
        _refuse_unless(first_day >= FIRST_DIFFERENCE_DAY, "013", "取得期間開始日は2015-12-01以降を指定してください。")
        _refuse_unless(first_day <= last_day, "030", "取得期間開始日は取得期間終了日以前を指定してください。")
        _refuse_unless(last_day - first_day < MAX_DIFFERENCE_PERIOD, "031", "取得期間は50日以内で指定してください。")
        has_place_and_kind = _make_place_and_kind_filter(query)
        return self._make_provider_call(
            "registry_diff",
            lambda: self._make_reply(
                query, filter(has_place_and_kind, self._published.iterate_rows_between(first_day, last_day))
            ),
        )

    def _parse_name_call(self, request: HttpRequest, _: re.Match[str]) -> ProviderCall:
        query = _require_valid_query(request)
        has_matching_name = _make_name_filter(query)
        has_place_and_kind = _make_place_and_kind_filter(query)

        def answer_name_query() -> HttpReply:
            rows = self._published.iterate_newest_rows()
            return self._make_reply(
                query, (row for row in rows if has_matching_name(row) and has_place_and_kind(row))
            )

        return self._make_provider_call("registry_name", answer_name_query)

    def _make_provider_call(
        self, name: str, make_reply: Callable[[], HttpReply], number: str | None = None
    ) -> ProviderCall:
        return ProviderCall(PROVIDER_NAME, name, make_reply, number, rate_limit_reply=_make_error_reply(403))

    def _make_reply(self, query: Mapping[str, str], rows: Iterable[RegistryRow]) -> HttpReply:
        """Return the answer with one part of the rows, in the format that the query's `type` names. The query's
        `divide` is the number of the part, from 1. The head of the answer states the total number of rows and the
        total number of parts. Raises `RequestRefused`, 400, if the rows have no part with this number."""
        part_number = query.get("divide", "1")
        _refuse_unless(
            part_number.isdecimal() and 1 <= int(part_number) <= 99_999, "017", "分割番号に誤りがあります。"
        )
        row_list = list(rows)
        part_count = -(-len(row_list) // MAX_ROWS_PER_ANSWER)
        _refuse_unless(int(part_number) <= max(part_count, 1), "018", "分割番号は分割数以下を指定してください。")
        start = (int(part_number) - 1) * MAX_ROWS_PER_ANSWER
        part_rows = [
            row._replace(sequence_number=str(number))
            for number, row in enumerate(islice(row_list, start, start + MAX_ROWS_PER_ANSWER), start=start + 1)
        ]
        header_fields = (self._published.last_day.isoformat(), str(len(row_list)), part_number, str(part_count))
        return _REPLY_MAKER_BY_ANSWER_TYPE[query["type"]](header_fields, part_rows)


def _make_csv(header_fields: tuple[str, ...], rows: list[RegistryRow], codec: str) -> HttpReply:
    lines = [",".join(header_fields), *map(format_csv_line, rows), ""]
    return HttpReply(body="\r\n".join(lines).encode(codec, "replace"), media_type=_CSV_MEDIA_TYPE)


def _make_xml(header_fields: tuple[str, ...], rows: list[RegistryRow]) -> HttpReply:
    header_names = ("lastUpdateDate", "count", "divideNumber", "divideSize")
    xml_parts = ['<?xml version="1.0" encoding="UTF-8"?>', "<corporations>"]
    xml_parts += [_format_xml_element(name, text) for name, text in zip(header_names, header_fields, strict=True)]
    for row in rows:
        fields = "".join(_format_xml_element(name, text) for name, text in zip(WEB_API_FIELD_NAMES, row, strict=True))
        xml_parts.append(f"<corporation>{fields}</corporation>")
    return HttpReply(body="".join((*xml_parts, "</corporations>")).encode(), media_type=_XML_MEDIA_TYPE)


def _format_xml_element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else f"<{name}/>"


_REPLY_MAKER_BY_ANSWER_TYPE: Mapping[str, Callable[[tuple[str, ...], list[RegistryRow]], HttpReply]] = {
    "01": lambda head, rows: _make_csv(head, rows, "cp932"),
    "02": lambda head, rows: _make_csv(head, rows, "utf-8"),
    "12": _make_xml,
}


def _require_valid_query(request: HttpRequest) -> Mapping[str, str]:
    """Return the query of a request.

    Raises `RequestRefused`: 404 for an unknown application id, 400 for an unknown format of the answer (`type`).
    """
    query = request.query
    if query.get("id") != REGISTRY_APPLICATION_ID:
        raise RequestRefused(_make_error_reply(404))
    _refuse_unless(query.get("type") in _REPLY_MAKER_BY_ANSWER_TYPE, "004", "応答形式に誤りがあります。")
    return query


def _refuse_unless(is_valid: bool, code: str, text: str) -> None:
    """Raise `RequestRefused`, 400, with the error code `code` and the text, unless `is_valid` is True."""
    if not is_valid:
        raise RequestRefused(_make_error_reply(400, f"{code},{text}"))


def _make_error_reply(status: int, text: str = "") -> HttpReply:
    return HttpReply(status, text.encode(), _CSV_MEDIA_TYPE if text else _HTML_MEDIA_TYPE)


def _read_query_day(query: Mapping[str, str], name: str) -> date:
    """Return the day that a parameter of the query states. Raises `RequestRefused`, 400, if the parameter is missing
    or isn't a day."""
    text = query.get(name, "")
    try:
        return date.fromisoformat(text if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else "")
    except ValueError:
        raise RequestRefused(_make_error_reply(400, f"012,{name}に誤りがあります。")) from None


def _make_place_and_kind_filter(query: Mapping[str, str]) -> Callable[[RegistryRow], bool]:
    """Return a function that is True for a row whose prefecture or city (`address`) and kind of corporation
    (`kind`) the query names. A missing parameter excludes no row."""
    place_code = query.get("address", "")
    kinds = query.get("kind", "").split(",") if query.get("kind") else []
    _refuse_unless(
        all(kind in _CORPORATION_KINDS_BY_QUERY_CODE for kind in kinds), "016", "法人種別に誤りがあります。"
    )
    _refuse_unless(
        len(place_code) in (0, 2, 5) and (not place_code or place_code.isdecimal()), "015", "所在地に誤りがあります。"
    )
    kind_codes = frozenset[str]().union(*(_CORPORATION_KINDS_BY_QUERY_CODE[kind] for kind in kinds))

    def has_place_and_kind(row: RegistryRow) -> bool:
        row_place_code = (row.prefecture_code or "99") + row.city_code
        return row_place_code.startswith(place_code) and (not kind_codes or row.kind in kind_codes)

    return has_place_and_kind


def _make_name_filter(query: Mapping[str, str]) -> Callable[[RegistryRow], bool]:
    """Return a function that is True for a row that a search by name finds. The query's `mode` 1 compares the
    beginning of the name, 2 any part of it. Its `target` 1 ignores differences of writing, 2 compares exactly, 3
    compares English names. Its `close` 0 leaves out closed corporations. Deleted corporations, and those with the
    mark `hihyoji`, are never found. Raises `RequestRefused`, 400, for a missing name or another value of these
    parameters.
    """
    match_mode, match_target = query.get("mode", "1"), query.get("target", "1")
    _refuse_unless(bool(query.get("name")), "020", "商号又は名称を指定してください。")
    _refuse_unless(
        match_mode in ("1", "2") and match_target in ("1", "2", "3"), "021", "検索方式又は検索対象に誤りがあります。"
    )
    normalize = _NAME_NORMALIZER_BY_SEARCH_MODE[match_target]
    normalized_name = normalize(query["name"])

    def has_matching_name(row: RegistryRow) -> bool:
        if row.hihyoji == "1" or row.process == "99" or (query.get("close") == "0" and row.close_date):
            return False
        names = map(normalize, (row.en_name,) if match_target == "3" else (row.name, row.furigana))
        return any(
            name.startswith(normalized_name) if match_mode == "1" else normalized_name in name
            for name in names
            if name
        )

    return has_matching_name


_NAME_NORMALIZER_BY_SEARCH_MODE: Mapping[str, Callable[[str], str]] = {
    "1": lambda text: (
        text.translate(FULL_WIDTH_DIGITS_TABLE)
        .translate(_HIRAGANA_TO_KATAKANA_TABLE)
        .translate(_REMOVE_NAME_SEPARATORS_TABLE)
        .upper()
    ),
    "2": lambda text: text,
    "3": lambda text: text.upper().replace(",", "").replace(" ", ""),
}
