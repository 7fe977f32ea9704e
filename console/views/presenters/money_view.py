"""The values that the page of a payment or refund shows: the state in each system, and the parts of the payment's
amount."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from console.domain.explanations.payments import OPEN_ORDER_ACTION
from console.domain.explanations.refunds import is_refused_for_good
from console.domain.money import format_stored_decimal
from console.domain.payments.compared_sides import ComparedSide, MoneyParts
from console.domain.payments.records import Payment, Refund, SetAside
from console.domain.payments.service_results import PaymentDetails, RefundDetails
from console.domain.payments.states import PAID_STATES, RECORD_OUTSIDE_ACTION, RESERVING_REFUND_STATES, RefundState
from console.domain.records import RESOLVED_BY_PEOPLE_CAUSE, Certainty
from console.domain.recovery.decision_rules import is_refund_certainly_unsent
from console.views.presenters import records as case_words
from console.views.presenters.credit_check_view import format_time_in_sentence
from console.views.runtime.context import WindowContext
from console.views.theme.design_tokens import Tone, tokens
from console.views.widgets.display.money_strip import MoneyPart
from console.views.widgets.display.record_parts import RecordSideState
from console.wording.mismatches import format_history_contradiction
from console.wording.sentences import catalogue as wording

PAID_PART_KEY = "paid"
REVERSED_PART_KEY = "reversed"
SET_ASIDE_PART_KEY = "set_aside"
OUTSIDE_PART_KEY = "outside"
OWN_SIDE_INDEX = 0
"""Index of our side in the sequence of the three compared sides."""
GATEWAY_SIDE_INDEX = 1
"""Index of the payment provider's side in the sequence of the three compared sides."""
ORDER_SIDE_INDEX = 2
"""Index of the order's side in the sequence of the three compared sides."""


def make_shown_sides(
    money_sides: Sequence[ComparedSide],
    context: WindowContext,
    *,
    provider: str,
    record: Payment | Refund | None,
) -> list[RecordSideState]:
    """Return the contents of the three panels on the page of a payment or refund (`record`), or of an order with its
    payment. The panels always have this order: the record in this database, the record at the provider, the order.
    `provider` is the name of the payment provider. For an order without a payment, `record` is None and `provider` is
    "". The provider's panel also shows a contradiction by the provider's history, even if its last answer agrees.
    """
    kind = "refund" if isinstance(record, Refund) else "payment"
    kinds = (kind, kind, "order")
    side_names = (
        context.translate("record.side.ours"),
        context.translate("money.side.gateway", provider=case_words.get_provider_name(provider, context))
        if provider
        else context.translate("money.side.gateway_unknown"),
        context.translate("record.side.order"),
    )
    shown_sides = [
        _make_unanswered_side(side_names[side_index], context, record)
        if record is not None and side_index == GATEWAY_SIDE_INDEX and side.asked is None
        else _make_shown_side(
            side, side_names[side_index], kinds[side_index], context, is_gateway=side_index == GATEWAY_SIDE_INDEX
        )
        for side_index, side in enumerate(money_sides)
    ]
    contradiction = format_history_contradiction(record, context.language) if isinstance(record, Payment) else ""
    if contradiction:
        gateway_side = shown_sides[GATEWAY_SIDE_INDEX]
        shown_sides[GATEWAY_SIDE_INDEX] = replace(
            gateway_side,
            is_different=True,
            difference_word=gateway_side.difference_word or context.translate("record.side.differs"),
            contradiction=contradiction,
        )
    return shown_sides


def _make_shown_side(
    side: ComparedSide, name: str, kind: str, context: WindowContext, *, is_gateway: bool
) -> RecordSideState:
    """Return the content of one of the three compared panels. `name` is the title of the panel; `kind` is the kind of
    the record in it, such as "payment", which decides the word for its state. `is_gateway` is True for the provider's
    panel. If there is no record for this panel, its content says so."""
    translate = context.translate
    if not side.there:
        key = "money.side.no_order" if side.name == "order" else "money.side.no_payment"
        return RecordSideState(name, translate("record.side.none"), "dash", "muted", age_text=translate(key))
    badges = tokens().badges
    badge = badges.get(f"{kind}.{side.state}")
    word = badge.get_word(context.language) if badge else translate("money.side.no_word")
    return RecordSideState(
        name,
        word,
        badge.icon_name if badge else "dash",
        badge.tone if badge else "muted",
        word_of_side=_find_provider_state_word(side, word),
        amount=_format_amount_with_difference_mark(side, context) or wording.NO_VALUE,
        has_different_amount="amount" in side.differs,
        is_amount_missing=not _format_amount(side),
        age_text=_format_side_time(side, context, is_gateway=is_gateway),
        source=_format_source(side, context),
        is_different=bool(side.differs),
        has_different_state=bool(set(side.differs) - {"amount"}) or (bool(side.differs) and not _format_amount(side)),
        difference_word=translate("money.side.differs", fields=list(side.differs)) if side.differs else "",
    )


def _find_provider_state_word(side: ComparedSide, window_word: str) -> str:
    """Return the provider's own word for the state on this side. `window_word` is the window's text for the same
    state. Return "" if the provider has no own word, or if this word equals `window_word` (upper and lower case count
    as equal). Also return "" for our own record and for the order, because their codes mean the same as
    `window_word`.
    """
    if side.name != "provider" or side.word is None:
        return ""
    return "" if side.word.casefold() == window_word.casefold() else side.word


def _make_unanswered_side(name: str, context: WindowContext, record: Payment | Refund) -> RecordSideState:
    """Return the content of the provider's panel for a record whose state the provider hasn't reported. `name` is the
    title of the panel. Its text gives the reason why there is no state: for example, the refund wasn't sent, or the
    provider has refused it, has no such record, or hasn't answered."""
    translate, sent_text = context.translate, _format_sending_age(record, context)
    if isinstance(record, Refund) and is_refund_certainly_unsent(record):
        will_be_sent = record.state in RESERVING_REFUND_STATES
        return RecordSideState(
            name, translate("money.side.not_sent" if will_be_sent else "money.side.never_sent"), "dash", "muted"
        )
    is_by_people = record.error_code == RESOLVED_BY_PEOPLE_CAUSE
    if isinstance(record, Refund) and record.state is RefundState.FAILED and not is_by_people:
        return RecordSideState(
            name,
            translate("record.side.refused"),
            "cross",
            "bad",
            age_text=_format_time_and_age(record.state_since, context),
        )
    if isinstance(record, Refund) and record.not_found:
        return RecordSideState(
            name,
            translate("record.side.not_found"),
            "cross",
            "muted",
            age_text=_format_time_and_age(record.first_not_found_at, context),
        )
    word = "no_answer" if isinstance(record, Refund) else case_words.get_unanswered_side_key_suffix(record)
    if word == "no_answer":
        return RecordSideState(name, translate(f"record.side.{word}"), "question", "unknown", age_text=sent_text)
    return RecordSideState(name, translate(f"record.side.{word}"), "dash", "muted")


def _format_time_and_age(at: datetime | None, context: WindowContext) -> str:
    """Return a text with `at` and its age; "" if `at` is None. `at` is the instant at which the provider refused the
    refund, or first answered that it has no such refund."""
    if at is None:
        return ""
    return context.translate(
        "record.side.since_age", at=format_time_in_sentence(at, context), age=context.format_age(at)
    )


def _format_sending_age(record: Payment | Refund, context: WindowContext) -> str:
    """Return the text with an instant and its age. For a refund, this is the instant at which it was last sent to the
    provider; for a payment, the instant at which the console started it (its call was sent later). Return "" if the
    refund was never sent, or if the console did not start the payment."""
    if isinstance(record, Refund):
        key, sending_time = "money.side.sent_age", record.last_sent_at
    else:
        # a payment from a notice or an import has no operation
        key, sending_time = "money.side.started_age", record.begun_at if record.operation_id is not None else None
    if sending_time is None:
        return ""
    return context.translate(
        key, at=format_time_in_sentence(sending_time, context), age=context.format_age(sending_time)
    )


def _format_amount_with_difference_mark(side: ComparedSide, context: WindowContext) -> str:
    """Return the amount of this side as text, with a mark if the amounts of the sides differ; "" if the side has no
    amount."""
    text = _format_amount(side)
    return context.translate("money.amount_differs", amount=text) if text and "amount" in side.differs else text


def _format_amount(side: ComparedSide) -> str:
    return "" if side.minor is None or side.currency is None else wording.format_amount(side.minor, side.currency)


def _format_side_time(side: ComparedSide, context: WindowContext, *, is_gateway: bool) -> str:
    """Return the text with an instant and its age. For the provider's panel (`is_gateway`), this is the instant of
    the last answer; for the panels of our record and of the order, the instant since which the state holds."""
    time = side.asked if is_gateway or side.since is None else side.since
    if time is None:
        return ""
    key = "record.side.asked_age" if is_gateway else "record.side.since_age"
    time_text = context.translate(key, at=format_time_in_sentence(time, context), age=context.format_age(time))
    return context.translate("money.side.old", fact=time_text) if side.old else time_text


def _format_source(side: ComparedSide, context: WindowContext) -> str:
    """Return the text with the version of a side's record and the person or program that changed it; "" for a side
    without a version. An order may have been changed by the shop, a person or this program, so its text has the
    version alone."""
    if side.version is not None:
        changed_by = side.source if side.name != "order" else None
        return (
            context.translate(
                "record.side.version_by", version=side.version, who=_format_writer_name(changed_by, context)
            )
            if changed_by
            else context.translate("record.side.version", version=side.version)
        )
    return ""


def _format_writer_name(writer_name: str, context: WindowContext) -> str:
    """Return the text for `writer_name`, the program or person that has changed the record: for a program such as
    "worker" or "notice" its name on the screens, for a person the name itself."""
    key = f"money.source.{writer_name}"
    return context.translate(key) if wording.has_sentence(key) else writer_name


def make_money_parts(
    money: MoneyParts,
    context: WindowContext,
    refundable_before_minor: int | None = None,
    *,
    reversed_minor: int = 0,
    is_paid_unknown: bool = False,
) -> tuple[list[MoneyPart], MoneyPart]:
    """Return the parts of a payment's amount: first the list of the whole paid amount and of the parts that can't be
    refunded; then the refundable part.

    `refundable_before_minor` is the refundable amount before a refund request, in minor units; if it is given, the
    refundable part shows this amount and the present one. `reversed_minor` is the amount that a reversal has taken
    back, in minor units. `is_paid_unknown` is True if it is unknown whether the payer has paid: the paid and the
    refundable amounts are then shown as –.
    """
    translate, currency = context.translate, money.currency

    def make_part(name: str, amount_minor: int, fill_pattern: str, tone: Tone) -> MoneyPart:
        """Return the part with the key `name` (a field of MoneyParts). `amount_minor` is positive and is shown with a
        minus sign; `fill_pattern` is its pattern in the bar, see MoneyPart."""
        text = wording.format_amount(-amount_minor, currency)
        plain_number = format_stored_decimal(-amount_minor, currency)
        return MoneyPart(
            translate(f"money.part.{name}"),
            text,
            amount_minor,
            fill_pattern,
            tone,
            not amount_minor,
            name,
            plain_number,
        )

    leading_parts = [
        _make_paid_part(money, context, is_unknown=is_paid_unknown),
        make_part("refunded", money.refunded, "dots", "muted"),
        make_part("on_its_way", money.on_its_way, "hatch", "progress"),
        make_part("unknown", money.unknown, "upright", "unknown"),
        make_part("waiting", money.waiting, "back_hatch", "care"),
    ]
    if reversed_minor:
        leading_parts.insert(1, make_part(REVERSED_PART_KEY, reversed_minor, "cross", "bad"))
    if money.set_aside:
        leading_parts.append(make_part(SET_ASIDE_PART_KEY, money.set_aside, "grid", "bad"))
    if money.outside:
        leading_parts.append(make_part(OUTSIDE_PART_KEY, money.outside, "level", "muted"))
    refundable_text = wording.NO_VALUE if is_paid_unknown else wording.format_amount(money.refundable, currency)
    if refundable_before_minor not in (None, money.refundable):
        refundable_before_text = wording.format_amount(refundable_before_minor, currency)
        refundable_text = translate("case.becomes", before=refundable_before_text, after=refundable_text)
    return leading_parts, _make_refundable_part(money, refundable_text, context)


def _make_paid_part(money: MoneyParts, context: WindowContext, *, is_unknown: bool) -> MoneyPart:
    """Return the whole paid amount of a payment. It has no square before its name, because it is the whole bar.
    `is_unknown` is True if it is unknown whether the payer has paid.
    """
    return MoneyPart(
        context.translate("money.part.paid"),
        wording.NO_VALUE if is_unknown else wording.format_amount(money.captured, money.currency),
        money.captured,
        "empty",
        "text",
        key="" if is_unknown or not money.captured else PAID_PART_KEY,
        copied_text=format_stored_decimal(money.captured, money.currency),
    )


def _make_refundable_part(money: MoneyParts, text: str, context: WindowContext) -> MoneyPart:
    """Return the refundable part of a payment's amount, which is filled in the bar. `text` is the refundable amount
    as text."""
    fill_pattern = "solid" if money.refundable > 0 else "empty"
    return MoneyPart(context.translate("money.part.refundable"), text, money.refundable, fill_pattern, "good")


def format_outside_proposal(payment: Payment, context: WindowContext) -> str:
    """Return the sentence about an amount that a person has recorded as given back outside, while a second person
    must still confirm it: the refundable amount still contains it. Return "" if there is no such proposal."""
    proposal = payment.relations.outside_proposal if payment.relations is not None else None
    if proposal is None:
        return ""
    amount_text = wording.format_amount(proposal.amount_minor, payment.currency)
    return context.translate(
        "money.outside_waits", amount=amount_text, day=proposal.day.isoformat(), who=proposal.person, at=proposal.at
    )


def format_set_asides(set_asides: Sequence[SetAside], context: WindowContext) -> str:
    """Return one line for each amount of a payment that was set aside: the amount, and its present state. The lines
    include amounts whose refund was requested, although the payment's sum `set_aside_minor` no longer contains these
    amounts."""
    return "\n".join(
        wording.join_facts(
            (
                wording.format_amount(set_aside.amount_minor, set_aside.currency),
                context.translate(f"state.set_aside.{set_aside.state}"),
            ),
            context.translate,
        )
        for set_aside in set_asides
    )


def compute_refundable_before_request(details: RefundDetails) -> int:
    """Return the refundable amount of the payment, in minor units, before this refund was requested. A requested or
    approved refund reserves its amount, so this function adds the amount back. A refund in another state, or a refund
    of money set aside, reserves nothing; for such a refund, return the present refundable amount."""
    refund, refundable_minor = details.record, details.money.refundable
    is_reserved = refund.state in (RefundState.REQUESTED, RefundState.APPROVED) and refund.set_aside_id is None
    return refundable_minor + (refund.amount_minor if is_reserved else 0)


def format_refundable_after_approval(details: RefundDetails, context: WindowContext) -> str:
    """Return the text with the refundable amount of the payment after an approval of this refund. It is the present
    amount: if the request has reserved the amount of the refund, the text says that the approval changes nothing."""
    money = details.money
    refundable_text = wording.format_amount(money.refundable, money.currency)
    reserved_minor = compute_refundable_before_request(details) - money.refundable
    if not reserved_minor:
        return refundable_text
    reserved_text = wording.format_amount(reserved_minor, money.currency)
    return context.translate("dialog.approve.reserved", refundable=refundable_text, amount=reserved_text)


def list_offered_payment_actions(details: PaymentDetails) -> tuple[str, ...]:
    """Return the names of the actions that the page of the payment recommends: first the action of the explained next
    step, then others that may help, such as the confirmation of a proposed refund done outside. If that step is to
    open the order, return only this action. If the provider has finally refused a refund of this payment, a refund is
    not recommended; its button on the page stays enabled, because the service still accepts a request."""
    advised_action = details.explanation.next_step.action
    if advised_action == OPEN_ORDER_ACTION:
        return (advised_action,)
    other_actions = ("resolve",) if details.record.certainty is Certainty.UNKNOWN else ()
    may_be_refunded = details.record.state in PAID_STATES and not any(map(is_refused_for_good, details.refunds))
    relations = details.record.relations
    is_outside_proposed = relations is not None and relations.is_outside_refund_proposed
    action_names = (
        advised_action,
        RECORD_OUTSIDE_ACTION if is_outside_proposed else None,
        "probe",
        *other_actions,
        "refund" if may_be_refunded else None,
    )
    return tuple(dict.fromkeys(name for name in action_names if name is not None))


def is_provider_answer_stale(side: ComparedSide, now: datetime, limit_seconds: float) -> bool:
    """Return True if the provider's last answer, which `side` describes, is missing or more than `limit_seconds`
    seconds old."""
    return side.old or side.asked is None or (now - side.asked).total_seconds() > limit_seconds
