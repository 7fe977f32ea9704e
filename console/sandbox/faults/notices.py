"""Faults of notices: a notice is lost, repeated, late, in the wrong sequence, cut, forged, or about an unknown
payment.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from console.sandbox.faults.call_in_progress import CallInProgress
from console.sandbox.faults.payments import change_field_values
from console.sandbox.http.messages import HttpReply
from console.sandbox.payments.notices import NoticeCall, SimulatedNotice
from console.sandbox.rules.fault_table import NOTICE_CALLS, register_fault
from console.sandbox.rules.held_calls import HoldEnding

ATOM_CALLBACK_CALLS = ("atom_callback",)
NOTICE_TIME_FIELDS = ("paid_at", "authorized_at", "merchTxnDate", "txnInitDate", "txnCompleteDate")
MAX_WAIT_FOR_OVERTAKING_SECONDS = 30.0
HUGE_NOTICE_BODY_BYTES = 10 << 20


def _require_notice_call(call_in_progress: CallInProgress) -> NoticeCall:
    """Return the call in progress as a call that sends a notice. Raises TypeError for another call."""
    if not isinstance(call_in_progress.call, NoticeCall):
        raise TypeError(f"{call_in_progress.call.name} is no notice")
    return call_in_progress.call


def _get_notice_and_sender(
    call_in_progress: CallInProgress,
) -> tuple[SimulatedNotice, Callable[[SimulatedNotice], HttpReply]]:
    """Return the notice of the call in progress, and the function that sends a notice. Raises TypeError for a call
    that sends no notice."""
    call = _require_notice_call(call_in_progress)
    if call.notice is None or call.deliver_notice is None:
        raise TypeError(f"{call.name} has nothing to send")
    return call.notice, call.deliver_notice


def _register_changed_notice_fault(
    name: str, answer_description: str, change_notice: Callable[[dict[str, Any]], None]
) -> None:
    """Register the fault `name`, for which `change_notice` changes the contents of a notice. If the provider signs
    its notices, the signature fits the changed contents. `answer_description` describes the notice that the receiver
    gets."""

    def send_changed_notice(call_in_progress: CallInProgress) -> None:
        notice, deliver = _get_notice_and_sender(call_in_progress)
        data = deepcopy(notice.data)
        change_notice(data)
        deliver(notice.replace_fields(data=data))

    register_fault(name, answer_description, "happens", NOTICE_CALLS)(send_changed_notice)


def _register_wrong_signature_fault(name: str, answer_description: str, signature_kind: str) -> None:
    """Register the fault `name`: a callback is signed or encrypted in the wrong way `signature_kind`, such as
    `bad_signature`. `answer_description` describes the callback that the receiver gets.
    """

    def send_wrongly_signed_notice(call_in_progress: CallInProgress) -> None:
        notice, deliver = _get_notice_and_sender(call_in_progress)
        deliver(notice.replace_fields(signature_kind=signature_kind))

    register_fault(name, answer_description, "happens", ATOM_CALLBACK_CALLS)(send_wrongly_signed_notice)


def _make_field_change(
    names: tuple[str, ...], change_value: Callable[[Any], Any]
) -> Callable[[dict[str, Any]], None]:
    """Return a function that replaces each value of the fields `names` of a notice by the result of
    `change_value`."""
    return lambda data: change_field_values(data, names, change_value)


def _make_increased_amount(text: str) -> str:
    """Return an amount's text with its first digit increased by one."""
    number_mark = "\x00" if text.startswith("\x00") else ""
    return f"{number_mark}{int(text[len(number_mark)]) + 1}{text[len(number_mark) + 1 :]}"


_register_changed_notice_fault(
    "notice_other_amount",
    "another amount",
    _make_field_change(("order_amount", "amount", "totalAmount"), _make_increased_amount),
)
_register_changed_notice_fault(
    "notice_other_order",
    "a payment that nobody knows",
    _make_field_change(("merchant_order_id", "merchTxnId"), lambda value: f"{value}-UNKNOWN"),
)
_register_changed_notice_fault(
    "notice_other_merchant",
    "another merchant",
    _make_field_change(("merchant_id", "merchId"), lambda value: f"{value}9"),
)
_register_changed_notice_fault(
    "notice_future",
    "times of a year that has not come",
    _make_field_change(NOTICE_TIME_FIELDS, lambda text: "2099" + text[4:]),
)
_register_changed_notice_fault(
    "notice_other_state",
    "a state that is in no table",
    _make_field_change(("state", "statusCode"), lambda _: "OTS9999"),
)
_register_wrong_signature_fault("notice_other_key", "a signature made with the hash key of requests", "other_key")
_register_wrong_signature_fault("notice_bad_signature", "a signature that is none", "bad_signature")
_register_wrong_signature_fault("notice_no_signature", "signature null", "no_signature")
_register_wrong_signature_fault("notice_other_seal", "sealed with the key of requests", "other_seal")


@register_fault("notice_lost", "nothing at all", "nothing", NOTICE_CALLS)
def lose_notice(call_in_progress: CallInProgress) -> None:
    _get_notice_and_sender(call_in_progress)


@register_fault(
    "notice_repeated", "the same notice N times (default 2)", "happens", NOTICE_CALLS, argument_rule="optional"
)
def repeat_notice(call_in_progress: CallInProgress) -> None:
    notice, deliver = _get_notice_and_sender(call_in_progress)
    for _ in range(int(call_in_progress.instruction.argument or 2)):
        deliver(notice)


@register_fault(
    "notice_late", "the notice after `seconds` or a release", "late", NOTICE_CALLS, option_names=("seconds",)
)
def delay_notice(call_in_progress: CallInProgress) -> None:
    notice, deliver = _get_notice_and_sender(call_in_progress)
    if call_in_progress.hold_call(call_in_progress.instruction.seconds) is not HoldEnding.DROPPED:
        deliver(notice)


@register_fault("notice_overtaken", "the notice after the next one", "late", NOTICE_CALLS)
def let_next_notice_overtake(call_in_progress: CallInProgress) -> None:
    """Send the notice only after the next notice was handled. If the sandbox handles no other notice within
    MAX_WAIT_FOR_OVERTAKING_SECONDS, don't send the notice at all."""
    notice, deliver = _get_notice_and_sender(call_in_progress)
    handled_count = _require_notice_call(call_in_progress).handled_count
    if call_in_progress.state.held_calls.wait_until(
        lambda: call_in_progress.state.notices_ended > handled_count, MAX_WAIT_FOR_OVERTAKING_SECONDS
    ):
        deliver(notice)


@register_fault("notice_cut", "half of the text", "happens", NOTICE_CALLS)
def cut_notice(call_in_progress: CallInProgress) -> None:
    notice, deliver = _get_notice_and_sender(call_in_progress)
    body = notice.body
    deliver(notice.replace_fields(render=lambda _, __: body[: len(body) // 2]))


@register_fault(
    "notice_huge", "a body of `size` bytes (default 10 MiB)", "happens", NOTICE_CALLS, option_names=("size",)
)
def enlarge_notice(call_in_progress: CallInProgress) -> None:
    notice, deliver = _get_notice_and_sender(call_in_progress)
    padding = b" " * (call_in_progress.instruction.size or HUGE_NOTICE_BODY_BYTES)
    body = notice.body
    deliver(notice.replace_fields(render=lambda _, __: (body + padding)[: len(padding)]))


@register_fault(
    "notice_fields", "the notice with `fields` put over it", "happens", NOTICE_CALLS, option_names=("fields",)
)
def replace_notice_fields(call_in_progress: CallInProgress) -> None:
    notice, deliver = _get_notice_and_sender(call_in_progress)
    deliver(notice.replace_fields(data=notice.data | call_in_progress.instruction.fields))
