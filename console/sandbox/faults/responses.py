"""Faults of the answer: well-delivered texts that say too little, too much, or something else."""

import gzip
import zlib
from collections.abc import Callable, Iterator

from console.sandbox.content import company_name
from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import DETAILS, READS, fault
from console.sandbox.wire import JsonObject, Reply, encode

HTML = b"<!doctype html><html><head><title>Maintenance</title></head><body><h1>Please wait</h1></body></html>"
BLOCK = 1 << 20
Change = Callable[[JsonObject], None]


def checks(data: JsonObject) -> list[JsonObject]:
    """The credit checks of an answer: the one, or those of a list."""
    return data["credit_checks"] if "credit_checks" in data else [data[k] for k in data if k == "credit_check"]


def change_checks(x: Exchange, change: Change) -> None:
    def apply(data: JsonObject) -> None:
        for check in checks(data):
            change(check)

    x.send(x.act().altered(apply))


def _entered(name: str, sees: str, change: Change, calls: tuple[str, ...] = READS) -> None:
    fault(name, sees, "happens", calls)(lambda x: change_checks(x, change))


def other_number(number: str) -> str:
    """Another well-formed number: the next base, with its own check digit."""
    base = f"{(int(number[1:]) + 1) % 10**12:012d}"
    weighed = sum(int(digit) * (1 + n % 2) for n, digit in enumerate(reversed(base)))
    return f"{9 - weighed % 9}{base}"


def _other_number(check: JsonObject) -> None:
    check["corporation_number"] = other_number(str(check["corporation_number"]))
    check["corporation_name"] = company_name(check["corporation_number"])


def _without(*names: str) -> Change:
    def change(check: JsonObject) -> None:
        for name in names:
            check.pop(name, None)

    return change


def _with(**values: object) -> Change:
    return lambda check: check.update(values)


def _with_id(change: Callable[[int], object]) -> Change:
    return lambda check: check.update(credit_check_id=change(check["credit_check_id"]))


_entered("no_result", "result null: bought, no verdict yet", _with(result=None))
_entered("odd_result", 'a result that is not in the table ("maybe")', _with(result="maybe"))
_entered("other_number", "another corporation number echoed", _other_number)
_entered("no_number", "no corporation number", _without("corporation_number"))
_entered("no_name", "no company name", _without("corporation_name"))
_entered("long_name", "a company name of 400 characters", _with(corporation_name="架空" * 199 + "株式"))
_entered("no_dates", "no dates", _without("purchase_date", "expiration_date"))
_entered("odd_dates", "dates that are none (2026-02-30, text)",
         _with(purchase_date="2026-02-30", expiration_date="soon"))  # fmt: skip
_entered("no_id", "no credit_check_id", _without("credit_check_id"))
_entered("id_string", "the id as text", _with_id(str))
_entered("id_boolean", "the id is true", _with(credit_check_id=True))
_entered("id_float", "the id with a fraction", _with_id(lambda check_id: check_id + 0.5))
_entered("id_too_big", "an id of 2^31", _with(credit_check_id=2**31))
_entered("id_negative", "an id below zero", _with(credit_check_id=-1))
_entered("other_id", "another id than asked for", _with_id(lambda check_id: check_id + 1), (*DETAILS, "list"))
_entered("expired", "expired: true", _with(expired=True), DETAILS)
_entered("no_infos", "no infos", _without("infos"), DETAILS)


@fault("fields", "the ordinary answer with `fields` put over it", "happens", READS, options=("fields",))
def fields(x: Exchange) -> None:
    change_checks(x, lambda check: check.update(x.order.fields))


@fault("empty_list", "no credit checks, although there are some", "happens", ("list",))
def empty_list(x: Exchange) -> None:
    x.send(x.act().altered(lambda data: data.update(credit_checks=[])))


@fault("viewing_period_over", "403: the viewing period is over", "nothing", DETAILS)
def viewing_period_over(x: Exchange) -> None:
    x.send(Reply(403, encode({"message": "閲覧期限が切れています"})))


@fault("malformed", "JSON that breaks off", "happens")
def malformed(x: Exchange) -> None:
    reply = x.act()
    x.send(reply.with_body(reply.body[: len(reply.body) // 2]))


@fault("empty", "a success without a body", "happens")
def empty(x: Exchange) -> None:
    x.send(x.act().with_body(b""))


@fault("not_utf8", "JSON in Shift_JIS that says it is UTF-8", "happens")
def not_utf8(x: Exchange) -> None:
    reply = x.act()
    x.send(reply.with_body(reply.body.decode().encode("cp932", "replace")))


@fault("wrong_shape", "a JSON list instead of an object", "happens")
def wrong_shape(x: Exchange) -> None:
    x.send(x.act().with_body(b'[{"credit_check":[]}]'))


@fault("deep_json", "JSON nested 100,000 deep", "happens")
def deep_json(x: Exchange) -> None:
    x.send(x.act().with_body(b'{"credit_check":' + b"[" * 100_000 + b"]" * 100_000 + b"}"))


@fault("body", "200 with `body` as it is", "nothing", options=("body",))
def body(x: Exchange) -> None:
    x.send(Reply(200, (x.order.body or "").encode()))


@fault("body_after_charge", "200 with `body` as it is", "happens", options=("body",))
def body_after_charge(x: Exchange) -> None:
    x.send(x.act().with_body((x.order.body or "").encode()))


@fault("html", "200 with an HTML page", "nothing")
def html(x: Exchange) -> None:
    x.send(Reply(200, HTML, "text/html; charset=utf-8"))


@fault("html_after_charge", "200 with an HTML page", "happens")
def html_after_charge(x: Exchange) -> None:
    x.act()
    x.send(Reply(200, HTML, "text/html; charset=utf-8"))


@fault("bad_gzip", "a body that says it is gzip and is not", "happens")
def bad_gzip(x: Exchange) -> None:
    reply = x.act()
    broken = gzip.compress(reply.body)[:10] + b"\xff" * 40
    x.send_and_close(reply.head(len(broken), extra=(("Content-Encoding", "gzip"),)), broken)


@fault("gzip_bomb", "a gzip body that inflates to `size` bytes (default 1 GiB)", "happens", options=("size",))
def gzip_bomb(x: Exchange) -> None:
    reply = x.act()
    x.wire.write(reply.head(-1, extra=(("Content-Encoding", "gzip"), ("Connection", "close"))))
    for piece in _deflating(b'{"padding":"', x.order.size or 1 << 30):
        if not x.wire.write(piece):
            break
    x.wire.close()


@fault("huge", "JSON of `size` bytes (default 512 MiB), streamed", "happens", options=("size",))
def huge(x: Exchange) -> None:
    reply = x.act()
    start, end = b'{"padding":"', b'",' + reply.body[1:]
    blocks = max(1, (x.order.size or 512 << 20) // BLOCK)
    x.stream(reply, len(start) + blocks * BLOCK + len(end), _padded(start, blocks, end))


def _padded(start: bytes, blocks: int, end: bytes) -> Iterator[bytes]:
    padding = b"x" * BLOCK
    yield start
    for _ in range(blocks):
        yield padding
    yield end


def _deflating(start: bytes, size: int) -> Iterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    yield packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * BLOCK) + packer.flush(zlib.Z_FULL_FLUSH)
    for _ in range(size // BLOCK):
        yield block
