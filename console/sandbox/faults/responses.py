"""Faults of the answer: complete HTTP answers with missing, too large or wrong contents."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from console.sandbox.alarmbox.companies import make_company_name
from console.sandbox.faults.call_in_progress import CallInProgress
from console.sandbox.http.messages import HttpReply, JsonObject, encode_json
from console.sandbox.rules.fault_table import CREDIT_CHECK_CALLS, DETAIL_CALLS, register_fault

MAINTENANCE_HTML_PAGE = (
    b"<!doctype html><html><head><title>Maintenance</title></head><body><h1>Please wait</h1></body></html>"
)
PADDING_BLOCK_BYTES = 1 << 20
CreditCheckChange = Callable[[JsonObject], None]
"""Type of a function that changes the fields of a credit check in an answer."""


def list_checks_in_answer(data: JsonObject) -> list[JsonObject]:
    """Return the credit checks in an answer of AlarmBox: the only one, or all credit checks of a list."""
    return data["credit_checks"] if "credit_checks" in data else [data[k] for k in data if k == "credit_check"]


def change_checks_in_answer(call_in_progress: CallInProgress, change: CreditCheckChange) -> None:
    """Send the correct answer after `change` has changed every credit check in it."""

    def change_checks(data: JsonObject) -> None:
        for check in list_checks_in_answer(data):
            change(check)

    call_in_progress.send_reply(call_in_progress.execute_call().change_data(change_checks))


def _register_changed_answer_fault(
    name: str, answer_description: str, change: CreditCheckChange, calls: tuple[str, ...] = CREDIT_CHECK_CALLS
) -> None:
    """Register the fault `name`, for which `change` changes every credit check in the correct answer.
    `answer_description` describes the answer that the caller gets; `calls` are the names of the calls to which the
    fault can be applied."""
    register_fault(name, answer_description, "happens", calls)(
        lambda call_in_progress: change_checks_in_answer(call_in_progress, change)
    )


def find_next_valid_number(number: str) -> str:
    """Return another valid corporation number: the next one after `number`, with its check digit."""
    twelve_digits = f"{(int(number[1:]) + 1) % 10**12:012d}"
    weighted_sum = sum(int(digit) * (1 + n % 2) for n, digit in enumerate(reversed(twelve_digits)))
    return f"{9 - weighted_sum % 9}{twelve_digits}"


def _replace_number(check: JsonObject) -> None:
    check["corporation_number"] = find_next_valid_number(str(check["corporation_number"]))
    check["corporation_name"] = make_company_name(check["corporation_number"])


def _make_field_removal(*names: str) -> CreditCheckChange:
    """Return a function that removes these fields from a credit check."""

    def remove_fields(check: JsonObject) -> None:
        for name in names:
            check.pop(name, None)

    return remove_fields


def _make_field_replacement(**values: object) -> CreditCheckChange:
    """Return a function that sets these fields of a credit check to the given values."""
    return lambda check: check.update(values)


def _make_id_change(change_id: Callable[[int], object]) -> CreditCheckChange:
    """Return a function that replaces the id of a credit check by the result of `change_id`."""
    return lambda check: check.update(credit_check_id=change_id(check["credit_check_id"]))


_register_changed_answer_fault(
    "no_result", "result null: bought, no verdict yet", _make_field_replacement(result=None)
)
_register_changed_answer_fault(
    "odd_result", 'a result that is not in the table ("maybe")', _make_field_replacement(result="maybe")
)
_register_changed_answer_fault("other_number", "another corporation number echoed", _replace_number)
_register_changed_answer_fault("no_number", "no corporation number", _make_field_removal("corporation_number"))
_register_changed_answer_fault("no_name", "no company name", _make_field_removal("corporation_name"))
_register_changed_answer_fault(
    "long_name", "a company name of 400 characters", _make_field_replacement(corporation_name="架空" * 199 + "株式")
)
_register_changed_answer_fault("no_dates", "no dates", _make_field_removal("purchase_date", "expiration_date"))
_register_changed_answer_fault(
    "odd_dates",
    "dates that are none (2026-02-30, text)",
    _make_field_replacement(purchase_date="2026-02-30", expiration_date="soon"),
)
_register_changed_answer_fault("no_id", "no credit_check_id", _make_field_removal("credit_check_id"))
_register_changed_answer_fault("id_string", "the id as text", _make_id_change(str))
_register_changed_answer_fault("id_boolean", "the id is true", _make_field_replacement(credit_check_id=True))
_register_changed_answer_fault("id_float", "the id with a fraction", _make_id_change(lambda check_id: check_id + 0.5))
_register_changed_answer_fault("id_too_big", "an id of 2^31", _make_field_replacement(credit_check_id=2**31))
_register_changed_answer_fault("id_negative", "an id below zero", _make_field_replacement(credit_check_id=-1))
_register_changed_answer_fault(
    "other_id", "another id than asked for", _make_id_change(lambda check_id: check_id + 1), (*DETAIL_CALLS, "list")
)
_register_changed_answer_fault("expired", "expired: true", _make_field_replacement(expired=True), DETAIL_CALLS)
_register_changed_answer_fault("no_infos", "no infos", _make_field_removal("infos"), DETAIL_CALLS)


@register_fault(
    "fields", "the ordinary answer with `fields` put over it", "happens", CREDIT_CHECK_CALLS, option_names=("fields",)
)
def answer_with_replaced_fields(call_in_progress: CallInProgress) -> None:
    change_checks_in_answer(call_in_progress, lambda check: check.update(call_in_progress.instruction.fields))


@register_fault("empty_list", "no credit checks, although there are some", "happens", ("list",))
def answer_empty_list(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(
        call_in_progress.execute_call().change_data(lambda data: data.update(credit_checks=[]))
    )


@register_fault("viewing_period_over", "403: the viewing period is over", "nothing", DETAIL_CALLS)
def answer_viewing_period_over(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(HttpReply(403, encode_json({"message": "閲覧期限が切れています"})))


@register_fault("stored", "the ordinary answer, with the headers of a cache that had stored it before", "happens")
def answer_from_cache(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    cache_headers = (("Age", "3600"), ("X-Cache", "Hit from cloudfront"))
    call_in_progress.send_reply(replace(reply, headers=(*reply.headers, *cache_headers), ledger_entry_id=None))


@register_fault("malformed", "JSON that breaks off", "happens")
def answer_cut_json(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    call_in_progress.send_reply(reply.replace_body(reply.body[: len(reply.body) // 2]))


@register_fault("empty", "a success without a body", "happens")
def answer_empty_body(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(call_in_progress.execute_call().replace_body(b""))


@register_fault("not_utf8", "JSON in Shift_JIS that says it is UTF-8", "happens")
def answer_shift_jis(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    call_in_progress.send_reply(reply.replace_body(reply.body.decode().encode("cp932", "replace")))


@register_fault("wrong_shape", "a JSON list instead of an object", "happens")
def answer_json_list(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(call_in_progress.execute_call().replace_body(b'[{"credit_check":[]}]'))


@register_fault("deep_json", "JSON nested 100,000 deep", "happens")
def answer_deep_json(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(
        call_in_progress.execute_call().replace_body(b'{"credit_check":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    )


@register_fault("body", "200 with `body` as it is", "nothing", option_names=("body",))
def answer_given_body(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(HttpReply(200, (call_in_progress.instruction.body or "").encode()))


@register_fault("body_after_charge", "200 with `body` as it is", "happens", option_names=("body",))
def answer_given_body_after_charge(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(
        call_in_progress.execute_call().replace_body((call_in_progress.instruction.body or "").encode())
    )


@register_fault("html", "200 with an HTML page", "nothing")
def answer_html_page(call_in_progress: CallInProgress) -> None:
    call_in_progress.send_reply(HttpReply(200, MAINTENANCE_HTML_PAGE, "text/html; charset=utf-8"))


@register_fault("html_after_charge", "200 with an HTML page", "happens")
def answer_html_page_after_charge(call_in_progress: CallInProgress) -> None:
    call_in_progress.execute_call()
    call_in_progress.send_reply(HttpReply(200, MAINTENANCE_HTML_PAGE, "text/html; charset=utf-8"))


@register_fault("bad_gzip", "a body that says it is gzip and is not", "happens")
def answer_bad_gzip(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    damaged_body = gzip.compress(reply.body)[:10] + b"\xff" * 40
    call_in_progress.send_and_close(
        reply.make_head_bytes(len(damaged_body), extra_headers=(("Content-Encoding", "gzip"),)), damaged_body
    )


@register_fault(
    "gzip_bomb", "a gzip body that inflates to `size` bytes (default 1 GiB)", "happens", option_names=("size",)
)
def answer_gzip_bomb(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    call_in_progress.caller_connection.write(
        reply.make_head_bytes(-1, extra_headers=(("Content-Encoding", "gzip"), ("Connection", "close")))
    )
    for piece in _make_compressed_chunks(b'{"padding":"', call_in_progress.instruction.size or 1 << 30):
        if not call_in_progress.caller_connection.write(piece):
            break
    call_in_progress.caller_connection.close()


@register_fault("huge", "JSON of `size` bytes (default 512 MiB), streamed", "happens", option_names=("size",))
def answer_huge_json(call_in_progress: CallInProgress) -> None:
    reply = call_in_progress.execute_call()
    start, end = b'{"padding":"', b'",' + reply.body[1:]
    blocks = max(1, (call_in_progress.instruction.size or 512 << 20) // PADDING_BLOCK_BYTES)
    call_in_progress.stream_reply(
        reply, len(start) + blocks * PADDING_BLOCK_BYTES + len(end), _make_padded_chunks(start, blocks, end)
    )


def _make_padded_chunks(start: bytes, block_count: int, end: bytes) -> Iterator[bytes]:
    """Yield `start`, then `block_count` blocks of padding, then `end`."""
    padding = b"x" * PADDING_BLOCK_BYTES
    yield start
    for _ in range(block_count):
        yield padding
    yield end


def _make_compressed_chunks(start: bytes, size_bytes: int) -> Iterator[bytes]:
    """Yield a gzip stream that inflates to `start` and about `size_bytes` bytes of blanks."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    yield compressor.compress(start) + compressor.flush(zlib.Z_FULL_FLUSH)
    block = compressor.compress(b" " * PADDING_BLOCK_BYTES) + compressor.flush(zlib.Z_FULL_FLUSH)
    for _ in range(size_bytes // PADDING_BLOCK_BYTES):
        yield block
