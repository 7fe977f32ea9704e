"""The twelve incidents of the training. Each declaration has a key, the function that plants the incident, and the
function that judges it by the ledger and the records. `training.incident.<key>` are its words.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from console.domain.payments.states import RefundState
from console.domain.records import Certainty, CreditCheck
from console.domain.training.results import Verdict
from console.services.training.protocols import InventedWorld
from console.services.training.truth import Truth

Facts: TypeAlias = Mapping[str, str]
"""The facts of a planted incident by name, as texts: order and corporation numbers, amounts in yen, record ids."""
_ENDED_WITHOUT_MONEY = frozenset({RefundState.REJECTED, RefundState.WITHDRAWN, RefundState.EXPIRED})


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident. `plant` makes the situation and returns its facts; its second argument is the number of the
    person's attempt, from 1. If `is_declined_first`, the approver declines the first refund request with a reason.
    """

    key: str
    plant: Callable[[InventedWorld, int], Facts]
    judge: Callable[[Truth, Facts], Verdict]
    is_declined_first: bool = False


# -- credit checks


def _plant_lost_answer(world: InventedWorld, _attempt: int) -> Facts:
    number = world.new_corporation()
    record = world.buy_check(number, "reset_after_charge", "purchase")
    return {"number": number, "record": str(record), "provider_id": str(world.check_id_at_provider(number))}


def _judge_lost_answer(truth: Truth, facts: Facts) -> Verdict:
    record = truth.credit_check(int(facts["record"]))
    if truth.ledger.count_charges(facts["number"]) > 1:
        return Verdict.BOUGHT_TWICE
    if record.certainty is Certainty.UNKNOWN:
        return Verdict.LEFT_OPEN
    is_true = record.state == "success" and str(record.credit_check_id) == facts["provider_id"]
    return Verdict.RIGHT if is_true else Verdict.SETTLED_AGAINST_TRUTH


def _plant_missing_pdf(world: InventedWorld, _attempt: int) -> Facts:
    number = world.new_corporation()
    return {"number": number, "record": str(world.buy_check(number, "pdf_missing", "pdf"))}


def _judge_missing_pdf(truth: Truth, facts: Facts) -> Verdict:
    if truth.ledger.count_charges(facts["number"]) > 1:
        return Verdict.BOUGHT_TWICE
    return Verdict.RIGHT if _has_pdf(truth.credit_check(int(facts["record"]))) else Verdict.LEFT_OPEN


def _has_pdf(record: CreditCheck) -> bool:
    return record.pdf_file_path is not None


def _plant_merged_company(world: InventedWorld, _attempt: int) -> Facts:
    number, successor = world.new_merged_corporations()
    return {"number": number, "successor": successor}


def _judge_merged_company(truth: Truth, facts: Facts) -> Verdict:
    if truth.ledger.count_charges(facts["number"]):
        return Verdict.BOUGHT_OLD_COMPANY
    count = truth.ledger.count_charges(facts["successor"])
    return (Verdict.LEFT_OPEN, Verdict.RIGHT)[count] if count < 2 else Verdict.BOUGHT_TWICE


# -- payments


def _plant_late_payment(world: InventedWorld, _attempt: int) -> Facts:
    order = world.add_order(12_800, "cancelled")
    world.pay_order(order, 12_800)
    return {"order": order, "amount": "12800"}


def _plant_wrong_amount(world: InventedWorld, _attempt: int) -> Facts:
    order = world.add_order(4_400)
    world.pay_order(order, 5_500)
    return {"order": order, "paid": "5500", "price": "4400", "amount": "1100"}


def _judge_refund_of_amount(truth: Truth, facts: Facts) -> Verdict:
    """Judge an incident that is over when exactly `amount` of the payment of `order` was refunded once."""
    return _judge_amounts(truth, facts["order"], int(facts["amount"]))


def _judge_amounts(truth: Truth, order: str, amount: int) -> Verdict:
    refunded = truth.ledger.refunded_amounts(order)
    if not refunded:
        return Verdict.LEFT_OPEN
    if sum(refunded) == amount:
        is_known = all(refund.certainty is Certainty.KNOWN for refund in truth.refunds(order))
        return Verdict.RIGHT if is_known else Verdict.LEFT_OPEN
    is_repeated = len(refunded) > 1 and amount in refunded
    return Verdict.REFUNDED_TWICE if is_repeated else Verdict.REFUNDED_WRONG_AMOUNT


def _plant_double_payment(world: InventedWorld, _attempt: int) -> Facts:
    corporation = world.new_corporation()
    first, second = (world.add_order(7_700, corporation=corporation) for _ in range(2))
    for order in (first, second):
        world.pay_order(order, 7_700)
    return {"first": first, "order": second, "amount": "7700", "number": corporation}


def _judge_double_payment(truth: Truth, facts: Facts) -> Verdict:
    if truth.ledger.refunded_amounts(facts["first"]):
        return Verdict.REFUNDED_WRONG_PAYMENT
    return _judge_refund_of_amount(truth, facts)


def _plant_provider_only(world: InventedWorld, attempt: int) -> Facts:
    day = 3 * attempt
    order = world.add_order(9_900)
    world.pay_unbooked(order, 9_900, day)
    return {"order": order, "amount": "9900", "day": world.publish_day(day)}


def _judge_provider_only(truth: Truth, facts: Facts) -> Verdict:
    if truth.ledger.refunded_amounts(facts["order"]):
        return Verdict.REFUNDED_WITHOUT_CAUSE
    return Verdict.RIGHT if _is_booked(truth, facts) else Verdict.LEFT_OPEN


def _is_booked(truth: Truth, facts: Facts) -> bool:
    payment = truth.payment(facts["order"])
    return payment is not None and payment.captured_minor == int(facts["amount"])


# -- notices


def _plant_notice_without_payment(world: InventedWorld, attempt: int) -> Facts:
    day = 3 * attempt - 1
    order = world.add_order(6_600)
    unknown = f"{order}-2"  # the shop charged this order under a number of its own
    world.pay_unbooked(unknown, 6_600, day)
    world.send_notice(unknown, 6_600, day)
    return {"order": unknown, "amount": "6600", "day": world.publish_day(day)}


def _judge_notice_without_payment(truth: Truth, facts: Facts) -> Verdict:
    if truth.ledger.refunded_amounts(facts["order"]):
        return Verdict.REFUNDED_WITHOUT_CAUSE
    if _is_booked(truth, facts):
        return Verdict.RIGHT
    return Verdict.ENDED_UNBOOKED if truth.is_notice_acknowledged(facts["order"]) else Verdict.LEFT_OPEN


def _plant_forged_notice(world: InventedWorld, attempt: int) -> Facts:
    day = 3 * attempt - 2
    order = world.add_order(33_000)
    invented = f"{order}-9"
    world.send_notice(invented, 33_000, day)
    return {"order": invented, "amount": "33000", "day": world.publish_day(day)}


def _judge_forged_notice(truth: Truth, facts: Facts) -> Verdict:
    if not truth.is_notice_acknowledged(facts["order"]):
        return Verdict.LEFT_OPEN
    return Verdict.RIGHT if truth.ledger.count_questions(facts["order"], facts["day"]) else Verdict.ENDED_UNCHECKED


# -- refunds


def _plant_refund_unknown(world: InventedWorld, _attempt: int) -> Facts:
    order = world.add_order(8_800)
    payment = world.pay_order(order, 8_800)
    refund = world.request_refund(payment, 3_300, "part_returned")
    world.approve_refund(refund, "close_after_charge")
    return {"order": order, "amount": "3300", "refund": str(refund)}


def _judge_refund_unknown(truth: Truth, facts: Facts) -> Verdict:
    if len(truth.ledger.refunded_amounts(facts["order"])) > 1:
        return Verdict.REFUNDED_TWICE
    refund = truth.refund(int(facts["refund"]))
    if refund.certainty is Certainty.UNKNOWN:
        return Verdict.LEFT_OPEN
    is_true = refund.state in (RefundState.COMPLETED, RefundState.SUBMITTED)
    return Verdict.RIGHT if is_true else Verdict.SETTLED_AGAINST_TRUTH


def _plant_refund_refused(world: InventedWorld, _attempt: int) -> Facts:
    order = world.add_order(5_500)
    payment = world.pay_order(order, 5_500)
    refund = world.request_refund(payment, 2_200, "part_returned")
    world.approve_refund(refund, "result:UNACCEPTABLE_OP")
    return {"order": order, "amount": "2200"}


def _plant_due_approval(world: InventedWorld, _attempt: int) -> Facts:
    order = world.add_order(8_000)
    payment = world.pay_order(order, 8_000)
    world.approve_refund(world.request_refund(payment, 4_000, "part_returned"))
    refund = world.request_refund(payment, 4_000, "part_returned", is_repeat=True)
    return {"order": order, "amount": "4000", "refund": str(refund)}


def _judge_due_approval(truth: Truth, facts: Facts) -> Verdict:
    if len(truth.ledger.refunded_amounts(facts["order"])) > 1:
        return Verdict.REFUNDED_TWICE
    is_ended = truth.refund(int(facts["refund"])).state in _ENDED_WITHOUT_MONEY
    return Verdict.RIGHT if is_ended else Verdict.LEFT_OPEN


INCIDENTS = (
    Incident("lost_answer", _plant_lost_answer, _judge_lost_answer),
    Incident("missing_pdf", _plant_missing_pdf, _judge_missing_pdf),
    Incident("merged_company", _plant_merged_company, _judge_merged_company),
    Incident("late_payment", _plant_late_payment, _judge_refund_of_amount, is_declined_first=True),
    Incident("wrong_amount", _plant_wrong_amount, _judge_refund_of_amount),
    Incident("double_payment", _plant_double_payment, _judge_double_payment, is_declined_first=True),
    Incident("provider_only", _plant_provider_only, _judge_provider_only),
    Incident("notice_without_payment", _plant_notice_without_payment, _judge_notice_without_payment),
    Incident("forged_notice", _plant_forged_notice, _judge_forged_notice),
    Incident("refund_unknown", _plant_refund_unknown, _judge_refund_unknown),
    Incident("refund_refused", _plant_refund_refused, _judge_refund_of_amount),
    Incident("due_approval", _plant_due_approval, _judge_due_approval),
)
INCIDENT_BY_KEY: Mapping[str, Incident] = {incident.key: incident for incident in INCIDENTS}
