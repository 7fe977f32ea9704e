"""Check if a list in a provider's answer may lack rows, such as AlarmBox's list of purchases or PayPay's list of a
payment's refunds. No I/O.

It isn't published how these providers divide a long list into pages. So the module checks every other field in the
JSON object that contains the list:

- A field whose name has a word of paging (`total`, `next_page`, `limit`) must exclude further rows by its value.
- A field whose name consists of words that have nothing to do with pages (`request_id`, `status`) must have a value
  that can't hold rows and is no address of a page.
- Any other field must be empty, because its name may be a word of paging that this module doesn't list.
"""

import re
from collections.abc import Mapping

_WORD_PATTERN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_NAME_PATTERN = re.compile(r"[A-Za-z0-9_.-]+")
_ADDRESS_QUERY_PATTERN = re.compile(r"[?&](?!corporation_number=)[^&#]")
_PAGE_ADDRESS_PATTERN = re.compile(r"page|cursor|offset|after|before|next", re.IGNORECASE)
_LINK_RELATION_PATTERN = re.compile(r"rel\s*=\s*\"?([^\";,]*)", re.IGNORECASE)
_WHOLE_RANGE_PATTERN = re.compile(r"\S+\s+0-([0-9]{1,9})/([0-9]{1,9})")
_LINK_RELATIONS_WITHOUT_PAGES = frozenset({"self", "canonical"})
_PAGE_SIZE_WORDS = frozenset({"limit", "per", "size", "max"})
_FURTHER_ROWS_WORDS = frozenset(
    {"next", "prev", "previous", "more", "cursor", "after", "before", "continuation", "offset", "skip", "remaining",
     "truncated", "partial", "link", "links", "range"}
)  # fmt: skip
_PAGE_WORDS = frozenset({"page", "pages", "paging", "pagination", "paginator", "from"})
_ALL_ROWS_WORDS = frozenset({"complete", "whole", "all", "first", "last", "final", "end"})
_ROW_COUNT_WORDS = frozenset(
    {"total", "count", "counts", "length", "hits", "found", "rows", "records", "items", "results", "elements",
     "entries", "to"}
)  # fmt: skip
_PAGING_WORDS = _PAGE_SIZE_WORDS | _FURTHER_ROWS_WORDS | _PAGE_WORDS | _ALL_ROWS_WORDS | _ROW_COUNT_WORDS
_STATE_WORDS = frozenset(
    {"status", "success", "ok", "code", "error", "errors", "warning", "warnings", "version", "time", "timestamp",
     "took", "duration", "elapsed", "ms", "seconds", "at"}
)  # fmt: skip
"""Words of names whose values may be numbers or booleans and say nothing about pages."""
_WORDS_UNRELATED_TO_PAGES = _STATE_WORDS | {
    "request", "trace", "correlation", "id", "message", "messages", "api", "server", "generated", "date",
    "corporation", "corporate", "company", "client", "meta", "metadata", "tags", "notice", "notices", "description",
    "type", "object", "kind", "language", "locale", "environment", "host", "url", "uri", "href", "self", "canonical",
}  # fmt: skip
_ECHOED_FIELD_NAMES = frozenset({"corporation_number", "corporationNumber"})
"""Names of the field in which AlarmBox repeats the corporation number of the request."""
_PAGE_HEADER_WORDS = frozenset(
    {"page", "pages", "paging", "pagination", "cursor", "offset", "more", "continuation", "total"}
)
_PAGE_HEADERS = frozenset({"x-count", "x-next", "x-prev", "x-has-next", "x-limit"})


def may_lack_rows(fields: Mapping[str, object], row_count: int) -> bool:
    """True if the list may be only a part of the provider's rows. `fields` are the other fields of the JSON object
    that contains the list, `row_count` is the number of rows in the list.
    """
    return not all(_excludes_further_rows(name, value, frozenset(), row_count) for name, value in fields.items())


def may_lack_rows_by_headers(headers: Mapping[str, str], row_count: int) -> bool:
    """True if the headers of the answer (names in lower case) show that the list of `row_count` rows may be only a
    part of the provider's rows. Only headers about pages are read, because other headers, such as those of a rate
    limit, use the same words."""
    relations = {name.strip().lower() for name in _LINK_RELATION_PATTERN.findall(headers.get("link", ""))}
    return (
        ("link" in headers and not (relations and relations <= _LINK_RELATIONS_WITHOUT_PAGES))
        or ("content-range" in headers and not _is_whole_range(headers["content-range"], row_count))
        or may_lack_rows({name: headers[name].strip() for name in headers if _is_page_header(name)}, row_count)
    )


def _is_page_header(name: str) -> bool:
    words = _split_into_words(name)
    return name in _PAGE_HEADERS or (bool(words & _PAGE_HEADER_WORDS) and not words & {"rate", "ratelimit"})


def _excludes_further_rows(name: str, value: object, outer_words: frozenset[str], row_count: int) -> bool:
    """True if the value of the field `name` shows that there are no other rows than the `row_count` rows of the list.
    `outer_words` are the words of paging in the name of the object that contains the field.
    """
    if value is None or value in ("", [], {}):
        return True
    if name in _LINK_RELATIONS_WITHOUT_PAGES:
        return isinstance(value, str) and not _is_page_address(value)
    own_words = _split_into_words(name)
    words = (own_words & _PAGING_WORDS) or outer_words
    if isinstance(value, dict):
        is_known = bool(words) or _says_nothing_about_pages(name, own_words)
        return is_known and all(
            _excludes_further_rows(str(inner), part, words, row_count) for inner, part in value.items()
        )
    if words:
        return not isinstance(value, list) and _says_that_list_is_complete(words, value, row_count)
    if name in _ECHOED_FIELD_NAMES:
        return isinstance(value, str)
    if not _says_nothing_about_pages(name, own_words):
        return False
    if isinstance(value, list):
        return all(isinstance(part, str) and not _is_page_address(part) for part in value)
    if isinstance(value, str) and not value.isdecimal():
        return not _is_page_address(value)
    return bool(own_words & _STATE_WORDS) or (isinstance(value, str) and "id" in own_words)


def _says_nothing_about_pages(name: str, words: frozenset[str]) -> bool:
    """True if the name of a field consists only of words that have nothing to do with pages. `words` are the words of
    the name."""
    return bool(_NAME_PATTERN.fullmatch(name)) and words <= _WORDS_UNRELATED_TO_PAGES


def _is_page_address(text: str) -> bool:
    """True if the text may be the address of a page: it has a query with another parameter than the corporation
    number, or a path with a word of paging.
    """
    is_address = text.startswith(("/", "http:", "https:"))
    return bool(_ADDRESS_QUERY_PATTERN.search(text) or (is_address and _PAGE_ADDRESS_PATTERN.search(text)))


def _says_that_list_is_complete(words: frozenset[str], value: object, row_count: int) -> bool:
    """True if the value of a field says that the list of `row_count` rows is complete; `words` are the words of
    paging in the field's name. If the page size equals `row_count`, return False: there may be a next page.
    """
    if isinstance(value, str):
        if value.lower() in ("true", "false"):
            value = value.lower() == "true"
        elif value.isascii() and value.isdecimal() and len(value) <= 9:
            value = int(value)
        else:
            return False
    if isinstance(value, bool):
        return value is bool(words & _ALL_ROWS_WORDS and not words & _FURTHER_ROWS_WORDS)
    if not isinstance(value, int):
        return False
    if words & _PAGE_SIZE_WORDS:
        return value > row_count
    if words & _FURTHER_ROWS_WORDS:
        return value == 0
    return 0 <= value <= 1 if words & _PAGE_WORDS else value == row_count


def _is_whole_range(content_range: str, row_count: int) -> bool:
    """True if the header `content-range` (such as `items 0-2/3`) says that the list has all `row_count` rows."""
    match = _WHOLE_RANGE_PATTERN.fullmatch(content_range.strip())
    return match is not None and int(match[2]) == row_count == int(match[1]) + 1


def _split_into_words(name: str) -> frozenset[str]:
    """Return the words of a name in lower case, without numbers."""
    return frozenset(word.lower() for word in _WORD_PATTERN.findall(name) if not word.isdigit())
