"""The source files in which random mutants are drawn, each with the tests that must detect the mutants: quick tests
first, on SQLite."""

FLOOR_PERCENT = 90
"""Smallest share (percent) of caught mutants with which a run passes. If a run catches a larger share, raise this
value to it."""

_DOMAIN_TESTS = "tests/domain"
_SERVICES_FOLDER = "tests/services"
_REFUNDS_FOLDER = "tests/services/refunds"
_TIMEOUTS_TESTS = tuple(
    f"{_SERVICES_FOLDER}/payments/test_{name}.py" for name in ("timeouts_rules", "unanswered_queries", "timeouts")
)
_IDEMPOTENCY_TESTS = tuple(
    f"{_SERVICES_FOLDER}/guarded/test_idempotency{part}.py" for part in ("", "_cache", "_commits")
)
_PIPELINE_TESTS = (
    f"{_SERVICES_FOLDER}/credit_checks/test_purchase_breaks.py",
    "tests/crash/test_breaks.py",
    f"{_SERVICES_FOLDER}/credit_checks/test_provider_calls.py",
    f"{_SERVICES_FOLDER}/credit_checks/test_waiting_purchases.py",
    f"{_SERVICES_FOLDER}/credit_checks/test_purchase.py",
)

TESTS_BY_SOURCE_FILE: dict[str, tuple[str, ...]] = {
    "console/domain/alerts/rules.py": (f"{_DOMAIN_TESTS}/alerts/test_rules.py",),
    "console/domain/recovery/effects.py": (f"{_DOMAIN_TESTS}/recovery/test_effects.py",),
    "console/domain/clock.py": (f"{_DOMAIN_TESTS}/test_clock.py",),
    "console/domain/reconciliation/row_comparison.py": (f"{_DOMAIN_TESTS}/reconciliation/test_row_comparison.py",),
    "console/domain/corporation_number.py": (f"{_DOMAIN_TESTS}/test_corporation_number.py",),
    "console/domain/lookup/number_input.py": (f"{_DOMAIN_TESTS}/test_corporation_number.py",),
    "console/domain/calendar_days.py": (f"{_DOMAIN_TESTS}/test_calendar_days.py",),
    "console/domain/recovery/decision_rules.py": (f"{_DOMAIN_TESTS}/recovery/test_decision_rules.py",),
    "console/domain/errors/__init__.py": (f"{_DOMAIN_TESTS}/test_errors.py",),
    "console/domain/explanations/credit_checks.py": (f"{_DOMAIN_TESTS}/explanations/test_credit_checks.py",),
    "console/domain/explanations/alerts.py": (f"{_DOMAIN_TESTS}/explanations/test_alerts.py",),
    "console/domain/explanations/payments.py": (f"{_DOMAIN_TESTS}/explanations/test_payments.py",),
    "console/domain/explanations/refunds.py": (f"{_DOMAIN_TESTS}/explanations/test_refunds.py",),
    "console/domain/money.py": (f"{_DOMAIN_TESTS}/test_money.py",),
    "console/domain/payments/records.py": (f"{_DOMAIN_TESTS}/payments/test_records.py",),
    "console/domain/payments/report_rules.py": (f"{_DOMAIN_TESTS}/payments/test_report_rules.py",),
    "console/domain/access/permissions.py": (f"{_DOMAIN_TESTS}/test_state_transitions.py",),
    "console/domain/alerts/events.py": (f"{_DOMAIN_TESTS}/alerts/test_events.py",),
    "console/domain/records.py": (f"{_DOMAIN_TESTS}/test_records.py",),
    "console/domain/recovery/decision_table.py": (f"{_DOMAIN_TESTS}/recovery/test_decision_table.py",),
    "console/domain/tasks/saga_progress.py": (f"{_DOMAIN_TESTS}/tasks/test_saga_progress.py",),
    "console/domain/tasks/retry_schedules.py": (f"{_DOMAIN_TESTS}/test_state_transitions.py",),
    "console/domain/transitions/tables.py": (f"{_DOMAIN_TESTS}/test_state_transitions.py",),
    "console/domain/evidence/timeline.py": (f"{_DOMAIN_TESTS}/evidence/test_timeline.py",),
    "console/domain/tasks/intervals.py": (f"{_DOMAIN_TESTS}/tasks/test_intervals.py",),
    "console/domain/payments/consistency.py": (
        f"{_DOMAIN_TESTS}/payments/test_consistency.py",
        f"{_DOMAIN_TESTS}/explanations/test_payments.py",
    ),
    "console/domain/tasks/records.py": (f"{_DOMAIN_TESTS}/tasks/test_records.py",),
    "console/services/payments/account_limits.py": (f"{_SERVICES_FOLDER}/payments/test_account_limits.py",),
    "console/services/guarded/pipeline.py": (
        *_PIPELINE_TESTS,
        f"{_SERVICES_FOLDER}/credit_checks/test_full_disk.py",
        f"{_SERVICES_FOLDER}/guarded/test_log_events.py",
        f"{_SERVICES_FOLDER}/guarded/test_database_rollback.py",
    ),
    "console/services/payments/apply_report.py": (
        f"{_SERVICES_FOLDER}/payments/test_apply_report.py",
        f"{_SERVICES_FOLDER}/payments/test_order_columns.py",
        f"{_SERVICES_FOLDER}/payment_intake/test_signed_notices.py",
    ),
    "console/services/guarded/idempotency.py": (*_IDEMPOTENCY_TESTS, f"{_SERVICES_FOLDER}/payments/test_start.py"),
    "console/services/payments/timeouts.py": _TIMEOUTS_TESTS,
    "console/services/refunds/rules.py": tuple(
        f"{_REFUNDS_FOLDER}/test_{part}.py" for part in ("rules", "requests", "votes", "sending")
    ),
    "console/services/credit_checks/outcomes.py": (f"{_SERVICES_FOLDER}/credit_checks/test_outcomes.py",),
    "console/services/payments/timeout_start.py": (f"{_SERVICES_FOLDER}/payments/test_timeout_start.py",),
    "console/store/operations/idempotency.py": ("tests/store/operations/test_idempotency.py", *_IDEMPOTENCY_TESTS),
    "console/store/payments/currency_limits.py": ("tests/store/payments/test_limits.py",),
    "console/store/payments/payment_deadlines.py": (f"{_SERVICES_FOLDER}/payments/test_timeout_start.py",),
}
