"""The twelve exercises of the training. Each declaration has a key, a function that creates the exercise, and a
function that judges the person's work by the ledgers and our records. The words on screen have the keys
`training.incident.<key>`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from console.domain.payments.states import RefundState
from console.domain.records import Certainty, CreditCheck
from console.domain.training.results import TrainingVerdict
from console.services.training.actual_state import ActualRecordReader
from console.services.training.protocols import TrainingActors

ExerciseFacts: TypeAlias = Mapping[str, str]
"""The facts of a created exercise by name, as texts: order and corporation numbers, amounts in yen, record ids."""
_STATES_ENDED_WITHOUT_MONEY = frozenset({RefundState.REJECTED, RefundState.WITHDRAWN, RefundState.EXPIRED})


@dataclass(frozen=True, slots=True)
class ExerciseDeclaration:
    """The declaration of one training exercise. `create` creates the exercise's records and returns the facts
    about them; its second argument is the number of the person's attempt, from 1. `judge` returns the verdict
    about the person's work. If `is_first_request_rejected`, the invented approver rejects the first refund request,
    with a reason.
    """

    key: str
    create: Callable[[TrainingActors, int], ExerciseFacts]
    judge: Callable[[ActualRecordReader, ExerciseFacts], TrainingVerdict]
    is_first_request_rejected: bool = False


# -- credit checks


def _create_lost_answer(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    """Create the exercise `lost_answer`: AlarmBox charges a purchase, but its answer does not arrive. Return the
    facts about the created records."""
    number = actors.make_corporation_number()
    record = actors.buy_check(number, "reset_after_charge", "purchase")
    return {"number": number, "record": str(record), "provider_id": str(actors.find_provider_credit_check_id(number))}


def _judge_lost_answer(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    record = actual_records.require_credit_check(int(facts["record"]))
    if actual_records.ledger.count_charges(facts["number"]) > 1:
        return TrainingVerdict.BOUGHT_TWICE
    if record.certainty is Certainty.UNKNOWN:
        return TrainingVerdict.LEFT_OPEN
    is_outcome_right = record.state == "success" and str(record.credit_check_id) == facts["provider_id"]
    return TrainingVerdict.RIGHT if is_outcome_right else TrainingVerdict.SETTLED_AGAINST_TRUTH


def _create_missing_pdf(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    """Create the exercise `missing_pdf`: AlarmBox has no PDF yet of a bought credit check. Return the facts about the
    created records."""
    number = actors.make_corporation_number()
    return {"number": number, "record": str(actors.buy_check(number, "pdf_missing", "pdf"))}


def _judge_missing_pdf(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    if actual_records.ledger.count_charges(facts["number"]) > 1:
        return TrainingVerdict.BOUGHT_TWICE
    return (
        TrainingVerdict.RIGHT
        if _has_pdf(actual_records.require_credit_check(int(facts["record"])))
        else TrainingVerdict.LEFT_OPEN
    )


def _has_pdf(record: CreditCheck) -> bool:
    return record.pdf_file_path is not None


def _create_merged_company(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    """Create the exercise `merged_company`: a credit check of a corporation is needed, but the corporation was merged
    into another one. Return the facts about the created records."""
    number, successor = actors.make_merged_corporation_numbers()
    return {"number": number, "successor": successor}


def _judge_merged_company(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    """Return the verdict about the exercise `merged_company`. It is `right` if the person has bought exactly one
    credit check of the successor and no credit check of the merged corporation.
    """
    if actual_records.ledger.count_charges(facts["number"]):
        return TrainingVerdict.BOUGHT_OLD_COMPANY
    count = actual_records.ledger.count_charges(facts["successor"])
    return (TrainingVerdict.LEFT_OPEN, TrainingVerdict.RIGHT)[count] if count < 2 else TrainingVerdict.BOUGHT_TWICE


# -- payments


def _create_late_payment(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    """Create the exercise `late_payment`: a payer pays an order that is already cancelled. Return the facts about the
    created records."""
    order = actors.add_order(12_800, "cancelled")
    actors.pay_order(order, 12_800)
    return {"order": order, "amount": "12800"}


def _create_wrong_amount(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    """Create the exercise `wrong_amount`: a payer pays more than the price of the order. Return the facts about the
    created records."""
    order = actors.add_order(4_400)
    actors.pay_order(order, 5_500)
    return {"order": order, "paid": "5500", "price": "4400", "amount": "1100"}


def _judge_refund_of_amount(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    """Return the verdict about an exercise that is solved by exactly one refund of the amount `facts["amount"]` (yen)
    for the order `facts["order"]`."""
    return _judge_refunded_amounts(actual_records, facts["order"], int(facts["amount"]))


def _judge_refunded_amounts(actual_records: ActualRecordReader, order: str, amount_yen: int) -> TrainingVerdict:
    refunded_amounts = actual_records.ledger.list_refunded_amounts(order)
    if not refunded_amounts:
        return TrainingVerdict.LEFT_OPEN
    if sum(refunded_amounts) == amount_yen:
        is_known = all(refund.certainty is Certainty.KNOWN for refund in actual_records.list_refunds(order))
        return TrainingVerdict.RIGHT if is_known else TrainingVerdict.LEFT_OPEN
    is_repeated = len(refunded_amounts) > 1 and amount_yen in refunded_amounts
    return TrainingVerdict.REFUNDED_TWICE if is_repeated else TrainingVerdict.REFUNDED_WRONG_AMOUNT


def _create_double_payment(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    corporation = actors.make_corporation_number()
    first_order, second_order = (actors.add_order(7_700, corporation_number=corporation) for _ in range(2))
    for order in (first_order, second_order):
        actors.pay_order(order, 7_700)
    return {"first": first_order, "order": second_order, "amount": "7700", "number": corporation}


def _judge_double_payment(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    if actual_records.ledger.list_refunded_amounts(facts["first"]):
        return TrainingVerdict.REFUNDED_WRONG_PAYMENT
    return _judge_refund_of_amount(actual_records, facts)


def _create_payment_only_at_provider(actors: TrainingActors, attempt: int) -> ExerciseFacts:
    day = 3 * attempt
    order = actors.add_order(9_900)
    actors.pay_without_notice(order, 9_900, day)
    return {"order": order, "amount": "9900", "day": actors.publish_daily_file(day)}


def _judge_payment_only_at_provider(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    if actual_records.ledger.list_refunded_amounts(facts["order"]):
        return TrainingVerdict.REFUNDED_WITHOUT_CAUSE
    return TrainingVerdict.RIGHT if _is_payment_booked(actual_records, facts) else TrainingVerdict.LEFT_OPEN


def _is_payment_booked(actual_records: ActualRecordReader, facts: ExerciseFacts) -> bool:
    payment = actual_records.find_payment(facts["order"])
    return payment is not None and payment.captured_minor == int(facts["amount"])


# -- notices


def _create_notice_without_payment(actors: TrainingActors, attempt: int) -> ExerciseFacts:
    day = 3 * attempt - 1
    order = actors.add_order(6_600)
    unknown_number = f"{order}-2"  # the shop charged this order under a number of its own
    actors.pay_without_notice(unknown_number, 6_600, day)
    actors.send_notice(unknown_number, 6_600, day)
    return {"order": unknown_number, "amount": "6600", "day": actors.publish_daily_file(day)}


def _judge_notice_without_payment(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    if actual_records.ledger.list_refunded_amounts(facts["order"]):
        return TrainingVerdict.REFUNDED_WITHOUT_CAUSE
    if _is_payment_booked(actual_records, facts):
        return TrainingVerdict.RIGHT
    return (
        TrainingVerdict.ENDED_UNBOOKED
        if actual_records.is_notice_acknowledged(facts["order"])
        else TrainingVerdict.LEFT_OPEN
    )


def _create_forged_notice(actors: TrainingActors, attempt: int) -> ExerciseFacts:
    day = 3 * attempt - 2
    order = actors.add_order(33_000)
    invented_number = f"{order}-9"
    actors.send_notice(invented_number, 33_000, day)
    return {"order": invented_number, "amount": "33000", "day": actors.publish_daily_file(day)}


def _judge_forged_notice(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    if not actual_records.is_notice_acknowledged(facts["order"]):
        return TrainingVerdict.LEFT_OPEN
    return (
        TrainingVerdict.RIGHT
        if actual_records.ledger.count_queries(facts["order"], facts["day"])
        else TrainingVerdict.ENDED_UNCHECKED
    )


# -- refunds


def _create_refund_with_unknown_outcome(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    order = actors.add_order(8_800)
    payment = actors.pay_order(order, 8_800)
    refund = actors.request_refund(payment, 3_300, "part_returned")
    actors.approve_refund(refund, "close_after_charge")
    return {"order": order, "amount": "3300", "refund": str(refund)}


def _judge_refund_with_unknown_outcome(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    if len(actual_records.ledger.list_refunded_amounts(facts["order"])) > 1:
        return TrainingVerdict.REFUNDED_TWICE
    refund = actual_records.require_refund(int(facts["refund"]))
    if refund.certainty is Certainty.UNKNOWN:
        return TrainingVerdict.LEFT_OPEN
    is_outcome_right = refund.state in (RefundState.COMPLETED, RefundState.SUBMITTED)
    return TrainingVerdict.RIGHT if is_outcome_right else TrainingVerdict.SETTLED_AGAINST_TRUTH


def _create_refused_refund(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    """Create the exercise `refund_refused`: PayPay refuses a refund that was approved and sent. Return the facts
    about the created records."""
    order = actors.add_order(5_500)
    payment = actors.pay_order(order, 5_500)
    refund = actors.request_refund(payment, 2_200, "part_returned")
    actors.approve_refund(refund, "result:UNACCEPTABLE_OP")
    return {"order": order, "amount": "2200"}


def _create_refund_to_approve(actors: TrainingActors, _attempt: int) -> ExerciseFacts:
    """Create the exercise `due_approval`: a colleague requests a refund that equals an earlier refund and is
    nevertheless justified. Return the facts about the created records.
    """
    order = actors.add_order(8_000)
    payment = actors.pay_order(order, 8_000)
    actors.approve_refund(actors.request_refund(payment, 4_000, "part_returned"))
    refund = actors.request_refund(payment, 4_000, "part_returned", is_repeat=True)
    return {"order": order, "amount": "4000", "refund": str(refund)}


def _judge_refund_to_approve(actual_records: ActualRecordReader, facts: ExerciseFacts) -> TrainingVerdict:
    if len(actual_records.ledger.list_refunded_amounts(facts["order"])) > 1:
        return TrainingVerdict.REFUNDED_TWICE
    is_ended = actual_records.require_refund(int(facts["refund"])).state in _STATES_ENDED_WITHOUT_MONEY
    return TrainingVerdict.RIGHT if is_ended else TrainingVerdict.LEFT_OPEN


EXERCISE_DECLARATIONS = (
    ExerciseDeclaration("lost_answer", _create_lost_answer, _judge_lost_answer),
    ExerciseDeclaration("missing_pdf", _create_missing_pdf, _judge_missing_pdf),
    ExerciseDeclaration("merged_company", _create_merged_company, _judge_merged_company),
    ExerciseDeclaration(
        "late_payment", _create_late_payment, _judge_refund_of_amount, is_first_request_rejected=True
    ),
    ExerciseDeclaration("wrong_amount", _create_wrong_amount, _judge_refund_of_amount),
    ExerciseDeclaration(
        "double_payment", _create_double_payment, _judge_double_payment, is_first_request_rejected=True
    ),
    ExerciseDeclaration("provider_only", _create_payment_only_at_provider, _judge_payment_only_at_provider),
    ExerciseDeclaration("notice_without_payment", _create_notice_without_payment, _judge_notice_without_payment),
    ExerciseDeclaration("forged_notice", _create_forged_notice, _judge_forged_notice),
    ExerciseDeclaration("refund_unknown", _create_refund_with_unknown_outcome, _judge_refund_with_unknown_outcome),
    ExerciseDeclaration("refund_refused", _create_refused_refund, _judge_refund_of_amount),
    ExerciseDeclaration("due_approval", _create_refund_to_approve, _judge_refund_to_approve),
)
EXERCISE_DECLARATION_BY_KEY: Mapping[str, ExerciseDeclaration] = {
    exercise.key: exercise for exercise in EXERCISE_DECLARATIONS
}
