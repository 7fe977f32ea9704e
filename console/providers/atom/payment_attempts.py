"""State of an Atom payment: reads the attempts in an answer or a callback, and chooses the attempt that decides the
state.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from console.domain.payments.provider_messages import PaymentQuestion, PaymentReport
from console.domain.payments.states import PaymentState
from console.domain.provider_outcome import OutcomeClass
from console.providers.atom.envelopes import (
    Fields,
    get_object_field,
    get_status_code,
    parse_id,
    parse_rupees,
    require_rupees,
)
from console.providers.atom.signing import parse_india_time
from console.providers.atom.status_codes import PAYMENT_CODE_MEANINGS, AtomCall, find_code_verdict
from console.providers.http.answer_outcomes import REFUSED_BUT_MADE_REASON, UnusableAnswer
from console.providers.http.strict_json import UnreadableJson
from console.providers.payments.result_codes import CodeVerdict, make_unknown_verdict

_LATEST_PAYMENT_YEAR = 2999
"""Latest accepted year of a time of payment. A later time counts as missing, because no deadline could be computed
from it.
"""
AttemptVerdict: TypeAlias = tuple[CodeVerdict, PaymentReport | None]
"""Class and reason of the outcome of one attempt to pay, and the report made from the attempt (None: no usable
report).
"""

# Priority of an attempt by its outcome class: a success first, then an attempt that can still succeed, then an
# unknown one; a failure decides only if there is none of these.
_OUTCOME_CLASSES_BY_PRIORITY = (
    OutcomeClass.SUCCEEDED,
    OutcomeClass.PENDING,
    OutcomeClass.UNKNOWN,
    OutcomeClass.RATE_LIMITED,
    OutcomeClass.AUTH,
    OutcomeClass.FAILED_DEFINITE,
    OutcomeClass.NOT_FOUND,
)


def read_attempts(instrument: object) -> list[Fields]:
    """Return all attempts in Atom's answer; `instrument` is a list of attempts or a single attempt. Raises
    UnreadableJson if an attempt isn't a JSON object."""
    rows = instrument if isinstance(instrument, list) else [instrument]
    attempts = [row for row in rows if isinstance(row, dict)]
    if len(attempts) != len(rows):
        raise UnreadableJson("no attempt")
    return attempts


def read_attempt_verdict(attempt: Fields, merch_id: str, question: PaymentQuestion) -> AttemptVerdict | None:
    """Return the outcome (class and reason) and the report of one attempt; None if the attempt belongs to another
    payment than that of the query `question`, or to another merchant than `merch_id`, our merchant id at Atom.

    An unreadable attempt has the class UNKNOWN and no report; the other attempts of the answer still count.
    """
    try:
        merchant = get_object_field(attempt, "merchDetails")
        if parse_id(merchant.get("merchId")) not in (None, merch_id) or _belongs_to_other_payment(merchant, question):
            return None
        return _read_own_attempt_verdict(attempt, question)
    except UnusableAnswer as error:
        return make_unknown_verdict(error.reason), None
    except UnreadableJson:
        return make_unknown_verdict("unreadable"), None


def _read_own_attempt_verdict(attempt: Fields, question: PaymentQuestion) -> AttemptVerdict:
    """Return the outcome and the report of an attempt that belongs to the payment of the query `question`. If its
    amount isn't that of the query, the class is UNKNOWN. Raises UnusableAnswer for an attempt that contradicts
    itself: its code says that Atom has no data about it, but it has an id of Atom or of the bank."""
    code = get_status_code(attempt)
    if code not in PAYMENT_CODE_MEANINGS:
        verdict = find_code_verdict(AtomCall.PAYMENT, code)
        if verdict.kind is OutcomeClass.NOT_FOUND and (
            parse_id(get_object_field(attempt, "payDetails").get("atomTxnId")) is not None
            or read_bank_transaction_id(get_object_field(attempt, "payModeSpecificData"))
        ):
            raise UnusableAnswer(REFUSED_BUT_MADE_REASON)
        return verdict, None
    report = read_attempt_report(attempt, question.merchant_payment_id)
    if question.amount is not None and report.amount not in (None, question.amount):
        return make_unknown_verdict("other_amount"), report
    return PAYMENT_CODE_MEANINGS[code].verdict, report


def _belongs_to_other_payment(merchant_fields: Fields, question: PaymentQuestion) -> bool:
    """True if an attempt has another payment number of ours than the query `question`. `merchant_fields` are those
    fields of the attempt that repeat the values of our request. Raises UnusableAnswer `other_payment` for a number
    that differs only in small and capital letters, because the attempt may belong to this payment. The reason
    `other_id` would say that it certainly belongs to another payment.
    """
    number = parse_id(merchant_fields.get("merchTxnId"))
    if number is None or number == question.merchant_payment_id:
        return False
    if number.casefold() == question.merchant_payment_id.casefold():
        raise UnusableAnswer("other_payment")
    return True


def choose_deciding_attempt(attempts: Sequence[AttemptVerdict], question: PaymentQuestion) -> AttemptVerdict:
    """Return the attempt that decides the payment's state. It is the first of these that exists: a successful
    attempt, one that can still succeed, one with an unknown outcome, a failed one. `further_captures` of its report
    has the ids that Atom has given to the other successful attempts, also to those with another amount.

    `question.provider_payment_id` is the Atom id under which the payment was captured, if we know it. The class is
    UNKNOWN (reason `other_payment`) if the successful attempt has another Atom id, or if all attempts have another
    one and none was successful.
    """
    payment_id = question.provider_payment_id
    relevant_attempts = [attempt for attempt in attempts if _counts_for_payment_state(attempt, payment_id)]
    if not relevant_attempts:
        return make_unknown_verdict("other_payment"), None
    ranked_attempts = sorted(
        relevant_attempts,
        key=lambda attempt: (
            _OUTCOME_CLASSES_BY_PRIORITY.index(attempt[0].kind),
            _get_reported_payment_id(attempt) != payment_id,
        ),
    )
    verdict, report = ranked_attempts[0]
    if report is None or verdict.kind is not OutcomeClass.SUCCEEDED:
        return verdict, report
    if payment_id is not None and report.provider_payment_id not in (None, payment_id):
        return make_unknown_verdict("other_payment"), report
    further_ids = {_get_reported_payment_id(attempt) for attempt in attempts if _has_collected_money(attempt)} - {
        None,
        report.provider_payment_id,
    }
    return verdict, replace(report, further_captures=tuple(sorted(filter(None, further_ids))))


def _has_collected_money(attempt: AttemptVerdict) -> bool:
    """True if the payer has paid in this attempt, whatever its amount is."""
    return attempt[1] is not None and attempt[1].state is PaymentState.PAYMENT_SUCCESS


def _counts_for_payment_state(attempt: AttemptVerdict, payment_id: str | None) -> bool:
    """True if the attempt counts for the payment's state. `payment_id` is the Atom id under which the payment was
    captured; None if it isn't known. An attempt with another Atom id counts only if it was successful."""
    return (
        payment_id is None
        or _get_reported_payment_id(attempt) in (None, payment_id)
        or attempt[0].kind is OutcomeClass.SUCCEEDED
    )


def _get_reported_payment_id(attempt: AttemptVerdict) -> str | None:
    """Return Atom's payment id in the report of the attempt; None without a report or id."""
    return attempt[1].provider_payment_id if attempt[1] else None


def read_attempt_report(attempt: Fields, merchant_payment_id: str) -> PaymentReport:
    """Return the report of an attempt to pay the payment with our payment number `merchant_payment_id`. The attempt's
    status code must be in PAYMENT_CODE_MEANINGS. Raises UnusableAnswer or UnreadableJson for wrong contents."""
    code, pay_details, payment_mode, merchant = (
        get_status_code(attempt),
        get_object_field(attempt, "payDetails"),
        get_object_field(attempt, "payModeSpecificData"),
        get_object_field(attempt, "merchDetails"),
    )
    require_rupees(pay_details)
    times = (pay_details.get("txnCompleteDate"), merchant.get("merchTxnDate"))
    return PaymentReport(
        merchant_payment_id=merchant_payment_id,
        provider_payment_id=parse_id(pay_details.get("atomTxnId")),
        provider_state=code,
        state=PAYMENT_CODE_MEANINGS[code].state,
        is_final=PAYMENT_CODE_MEANINGS[code].is_final,
        amount=parse_rupees(pay_details.get("amount")),
        total=parse_rupees(pay_details.get("totalAmount")),
        paid_at=next((at for at in map(parse_india_time, times) if at and at.year <= _LATEST_PAYMENT_YEAR), None),
        method=read_sub_channel(payment_mode) or None,
        bank_reference=read_bank_transaction_id(payment_mode) or None,
        settlement=_parse_short_word(get_object_field(attempt, "settlementDetails").get("reconStatus")),
        payer=_read_payer_contact(get_object_field(attempt, "custDetails")),
        refunds=None,  # Atom returns refunds only in an answer of its own
        has_payment_number=parse_id(merchant.get("merchTxnId")) is not None,
    )


def read_sub_channel(payment_mode: Fields) -> str:
    """Return the payment channel in the field `subChannel` of Atom's object `payModeSpecificData` (`payment_mode`);
    empty if the field is missing. The field is a text, or a list whose first element is the channel. Raises
    UnreadableJson for any other value."""
    value = payment_mode.get("subChannel")
    channel = (value[0] if value else None) if isinstance(value, list) else value
    if not isinstance(channel, str | None) or len(channel or "") > 64:
        raise UnreadableJson("no channel")
    return channel or ""


def read_bank_transaction_id(payment_mode: Fields) -> str:
    """Return the bank's own id of the transaction from Atom's object `payModeSpecificData` (`payment_mode`); empty if
    it is missing. Raises UnreadableJson for a value that can't be an id.
    """
    number = get_object_field(payment_mode, "bankDetails").get("bankTxnId")
    if (number is not None and type(number) not in (str, int)) or len(str(number)) > 128:
        raise UnreadableJson("no bank id")
    return "" if number is None else str(number)


def _parse_short_word(value: object) -> str | None:
    """Return a text of at most 16 ASCII letters and digits; None for any other value."""
    return value if isinstance(value, str) and value.isascii() and value.isalnum() and len(value) <= 16 else None


def _read_payer_contact(customer: Fields) -> str | None:
    """Return the payer's e-mail address or phone number, by which staff can find the payment; None if the message has
    neither.
    """
    values = (customer.get("custEmail"), customer.get("custMobile"))
    texts = [str(value).strip() for value in values if type(value) in (str, int)]
    return next((text[:255] for text in texts if text and text.isprintable()), None)
