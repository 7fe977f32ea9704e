"""Build the JSON object of the daily close. Other programs depend on the names and types of the fields."""

from console.cli.json_output.records import JsonObject, format_instant_for_json
from console.domain.calendar_days import format_instant
from console.domain.reports.daily_close import (
    DAILY_SUM_NAMES,
    CloseReconciliation,
    DailyClose,
    DailyCloseChange,
    DailyCloseMoney,
    FirstClose,
    MovedReversal,
    UnknownRecord,
)
from console.domain.reports.refund_funnel import CountAndSum


def build_daily_close_json(close: DailyClose) -> JsonObject:
    """Return a daily close as JSON. The field `fees` is always null, because no provider reports its fees."""
    return {
        "provider": close.provider,
        "day": close.day.isoformat(),
        "final": close.is_final,
        "open_points": [point.value for point in close.open_points],
        "money": [_build_close_money_json(money) for money in close.money],
        "fees": None,
        "unknown": [_build_unknown_record_json(record) for record in close.unknown_records],
        "reconciliation": None
        if close.reconciliation is None
        else _build_reconciliation_run_json(close.reconciliation),
        "first": None if close.first_close is None else _build_first_close_json(close.first_close),
        "changes": [_build_close_change_json(change) for change in close.changes],
        "moved_reversals": [_build_moved_reversal_json(reversal) for reversal in close.moved_reversals],
        "complete": close.is_complete,
        "read_at": format_instant(close.read_at),
    }


def _build_first_close_json(first_close: FirstClose) -> JsonObject:
    return {
        "at": format_instant(first_close.at),
        "who": first_close.person,
        "comparable": first_close.is_comparable,
    }


def _build_moved_reversal_json(reversal: MovedReversal) -> JsonObject:
    return {
        "currency": reversal.currency,
        "paid_on": reversal.paid_on.isoformat(),
        "reversed_on": reversal.reversed_on.isoformat(),
        "count": reversal.count,
        "minor": reversal.minor,
    }


def _build_close_money_json(money: DailyCloseMoney) -> JsonObject:
    sums = {name: _build_count_and_sum_json(money.get_sum(name)) for name in DAILY_SUM_NAMES}
    return {"currency": money.currency, **sums, "net_minor": money.net_minor}


def _build_count_and_sum_json(value: CountAndSum) -> JsonObject:
    return {"count": value.count, "minor": value.minor}


def _build_unknown_record_json(record: UnknownRecord) -> JsonObject:
    return {
        "kind": record.kind,
        "id": record.id,
        "number": record.number,
        "currency": record.currency,
        "amount_minor": record.minor,
        "since": format_instant(record.since),
        "settled_at": format_instant_for_json(record.settled_at),
    }


def _build_reconciliation_run_json(run: CloseReconciliation) -> JsonObject:
    return {
        "run": run.run_id,
        "runs": list(run.run_ids),
        "from": run.from_day.isoformat(),
        "to": run.to_day.isoformat(),
        "matched": run.matched_count,
        "imported": run.imported_count,
        "missing_there": run.missing_at_provider_count,
        "different_state": run.different_state_count,
        "different_amount": run.different_amount_count,
        "refused": run.refused_row_count,
    }


def _build_close_change_json(change: DailyCloseChange) -> JsonObject:
    def build_value_json(value: CountAndSum | str | None) -> object:
        return _build_count_and_sum_json(value) if isinstance(value, CountAndSum) else value

    return {
        "what": change.what,
        "currency": change.currency or None,
        "before": build_value_json(change.before),
        "after": build_value_json(change.after),
    }
