"""Faults of notices: lost, repeated, late, overtaken, cut, forged, or about something that nobody knows."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from console.sandbox.exchange import Exchange
from console.sandbox.fault_table import NOTICES, fault
from console.sandbox.faults.payments import change_all
from console.sandbox.holds import Ending
from console.sandbox.payment_notices import Notice, NoticeCall
from console.sandbox.wire import Reply

CALLBACK = ("atom_callback",)
TIMES = ("paid_at", "authorized_at", "merchTxnDate", "txnInitDate", "txnCompleteDate")
OVERTAKING_SECONDS = 30.0
HUGE = 10 << 20


def _call(x: Exchange) -> NoticeCall:
    if not isinstance(x.call, NoticeCall):
        raise TypeError(f"{x.call.name} is no notice")
    return x.call


def _sending(x: Exchange) -> tuple[Notice, Callable[[Notice], Reply]]:
    call = _call(x)
    if call.notice is None or call.deliver is None:
        raise TypeError(f"{call.name} has nothing to send")
    return call.notice, call.deliver


def _changed(name: str, sees: str, change: Callable[[dict[str, Any]], None]) -> None:
    """A notice about something else; where notices are signed, its signature is good."""

    def perform(x: Exchange) -> None:
        notice, deliver = _sending(x)
        data = deepcopy(notice.data)
        change(data)
        deliver(notice.altered(data=data))

    fault(name, sees, "happens", NOTICES)(perform)


def _in_manner(name: str, sees: str, manner: str) -> None:
    def perform(x: Exchange) -> None:
        notice, deliver = _sending(x)
        deliver(notice.altered(manner=manner))

    fault(name, sees, "happens", CALLBACK)(perform)


def _of(names: tuple[str, ...], change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    return lambda data: change_all(data, names, change)


def _more(text: str) -> str:
    """One yen, or ten rupees, more: the first digit becomes the next one."""
    mark = "\x00" if text.startswith("\x00") else ""
    return f"{mark}{int(text[len(mark)]) + 1}{text[len(mark) + 1:]}"


_changed("notice_other_amount", "another amount", _of(("order_amount", "amount", "totalAmount"), _more))
_changed("notice_other_order", "a payment that nobody knows", _of(("merchant_order_id", "merchTxnId"),
         lambda value: f"{value}-UNKNOWN"))  # fmt: skip
_changed("notice_other_merchant", "another merchant", _of(("merchant_id", "merchId"), lambda value: f"{value}9"))
_changed("notice_future", "times of a year that has not come", _of(TIMES, lambda text: "2099" + text[4:]))
_changed("notice_other_state", "a state that is in no table", _of(("state", "statusCode"), lambda _: "OTS9999"))
_in_manner("notice_other_key", "a signature made with the hash key of requests", "other_key")
_in_manner("notice_bad_signature", "a signature that is none", "bad_signature")
_in_manner("notice_no_signature", "signature null", "no_signature")
_in_manner("notice_other_seal", "sealed with the key of requests", "other_seal")


@fault("notice_lost", "nothing at all", "nothing", NOTICES)
def notice_lost(x: Exchange) -> None:
    _sending(x)


@fault("notice_repeated", "the same notice N times (default 2)", "happens", NOTICES, argument="optional")
def notice_repeated(x: Exchange) -> None:
    notice, deliver = _sending(x)
    for _ in range(int(x.order.argument or 2)):
        deliver(notice)


@fault("notice_late", "the notice after `seconds` or a release", "late", NOTICES, options=("seconds",))
def notice_late(x: Exchange) -> None:
    notice, deliver = _sending(x)
    if x.hold(x.order.seconds) is not Ending.DROPPED:
        deliver(notice)


@fault("notice_overtaken", "the notice after the next one", "late", NOTICES)
def notice_overtaken(x: Exchange) -> None:
    notice, deliver = _sending(x)
    before = _call(x).before
    if x.world.holds.wait_until(lambda: x.world.notices_ended > before, OVERTAKING_SECONDS):
        deliver(notice)


@fault("notice_cut", "half of the text", "happens", NOTICES)
def notice_cut(x: Exchange) -> None:
    notice, deliver = _sending(x)
    body = notice.body
    deliver(notice.altered(render=lambda _, __: body[: len(body) // 2]))


@fault("notice_huge", "a body of `size` bytes (default 10 MiB)", "happens", NOTICES, options=("size",))
def notice_huge(x: Exchange) -> None:
    notice, deliver = _sending(x)
    padding = b" " * (x.order.size or HUGE)
    body = notice.body
    deliver(notice.altered(render=lambda _, __: (body + padding)[: len(padding)]))


@fault("notice_fields", "the notice with `fields` put over it", "happens", NOTICES, options=("fields",))
def notice_fields(x: Exchange) -> None:
    notice, deliver = _sending(x)
    deliver(notice.altered(data=notice.data | x.order.fields))
