"""The fields in which two versions of a record differ, with their values before and after the change."""

from collections.abc import Callable, Mapping

from console.domain.payments.records import Order, Payment, Refund
from console.domain.records import CreditCheck
from console.views.presenters import credit_checks as record_words
from console.views.presenters import records as case_words
from console.views.presenters.credit_check_view import format_differences
from console.views.presenters.records import ShownRecord
from console.views.runtime.context import WindowContext
from console.wording.sentences import catalogue as wording


def format_record_changes(before: ShownRecord, after: ShownRecord, context: WindowContext) -> str:
    """Return the text with the fields that differ between two versions of a record, each with its value before and
    after the change. Only fields that the pages show are compared. Return "" if no such field differs, or if the
    records are of different kinds."""
    if isinstance(before, CreditCheck) and isinstance(after, CreditCheck):
        return format_differences(before, after, context)
    return _format_changes(before, after, context, _format_all_values)


def format_probed_changes(before: object, after: object, context: WindowContext) -> str:
    """Return the text with the fields that a probe has changed, each with its value before and after the probe.
    Return "" if the probe has changed no field that the pages show, or if `before` and `after` are of different
    kinds: an operation of the spool and the record that it has become.
    """
    if isinstance(before, CreditCheck) and isinstance(after, CreditCheck):
        return format_differences(before, after, context)
    return _format_changes(before, after, context, _format_probed_values_and_work)


def _format_changes(
    before: object,
    after: object,
    context: WindowContext,
    format_values: Callable[[Payment | Refund | Order, WindowContext], Mapping[str, str]],
) -> str:
    """Return the text with the fields whose texts differ between the records `before` and `after`. Return "" if no
    field differs, or if the records are of different kinds. `format_values` returns the texts of the compared fields
    of a record, by the name of the field."""
    if not isinstance(before, Payment | Refund | Order) or type(before) is not type(after):
        return ""
    old, new = format_values(before, context), format_values(after, context)
    changes = {name: (old[name], new[name]) for name in old if old[name] != new[name]}
    return context.translate("record.changed", changes=changes) if changes else ""


def _format_probed_values(record: Payment | Refund | Order, context: WindowContext) -> dict[str, str]:
    """Return the texts of the fields that a probe may change, by the name of the field. Return an empty dict for an
    order, because its probe only changes its payments."""
    match record:
        case Payment():
            return {
                **_format_states(record, context),
                "amount": _format_optional_amount(record.provider_minor, record.currency),
                "refunded": _format_optional_amount(record.provider_refunded_minor, record.currency),
            }
        case Refund():
            return _format_states(record, context) | {
                "provider_refund_id": record.provider_refund_id or wording.NO_VALUE
            }
    return {}


def _format_probed_values_and_work(record: Payment | Refund | Order, context: WindowContext) -> dict[str, str]:
    """Return the texts of the fields that a probe may change, and the text of the next step with its reason, by the
    name of the field. For a record whose mismatch has ended, only the next step differs."""
    work_text = case_words.format_work_with_reason(record.work, context)
    return _format_probed_values(record, context) | {"work": work_text}


def _format_all_values(record: Payment | Refund | Order, context: WindowContext) -> dict[str, str]:
    """Return the texts of all fields of the record that the pages show and that can change, by the name of the
    field."""
    common_values = {"work": _format_badge(case_words.get_work_badge_key(record, context.now()), context)}
    match record:
        case Payment():
            number = record.corporation_number
            return {
                **_format_probed_values(record, context),
                "provider_payment_id": record.provider_payment_id or wording.NO_VALUE,
                "paid_at": wording.format_instant(record.paid_at) if record.paid_at else wording.NO_VALUE,
                "corporation_number": wording.format_corporation_number(number) if number else wording.NO_VALUE,
                **common_values,
            }
        case Refund():
            checkers = context.translate("case.names", names=record.checkers) if record.checkers else wording.NO_VALUE
            return {**_format_probed_values(record, context), "checkers": checkers, **common_values}
        case Order():
            return {
                "state": _format_badge(case_words.get_state_badge_key(record), context),
                "total": wording.format_amount(record.total_minor, record.currency),
                "payment_method": record.payment_method or wording.NO_VALUE,
                **common_values,
            }


def _format_states(record: Payment | Refund, context: WindowContext) -> dict[str, str]:
    """Return the texts of the record's state, its certainty and the provider's own code of the state, by the name of
    the field."""
    return {
        "state": _format_badge(case_words.get_state_badge_key(record), context),
        "certainty": context.translate(f"state.certainty.{record.certainty}"),
        "gateway_code": record.provider_state or wording.NO_VALUE,
    }


def _format_badge(badge_key: str, context: WindowContext) -> str:
    return record_words.make_state_cell(badge_key, context.language).word


def _format_optional_amount(amount_minor: int | None, currency: str) -> str:
    """Return the amount as text; – for None."""
    return wording.NO_VALUE if amount_minor is None else wording.format_amount(amount_minor, currency)
