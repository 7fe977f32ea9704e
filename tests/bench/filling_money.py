"""Orders, payments and refunds for the big tables: the same rows on every engine, computed by the database itself.

Of 200 orders and their payments, 3 wait, 1 is unknown, 2 failed (one of these orders was paid by the next payment),
and 10 need a review; the others are paid. Of 200 refunds, 8 are open (2 in each open state; the outcome of 1 of them
is unknown), 2 failed, and 10 need a review; the others are completed.
"""

MONEY_TABLES = ("approvals", "orders", "payments", "refunds")
_INSTANT_SQL = "'2026-11-20 03:00:00.000000'"
STATE_SINCE_SQL = "'2026-04-' || substr('0' || (1 + i % 28), -2) || ' 03:00:00.000000'"
"""SQL expression for the values of the column `state_since`: the row with the newest instant isn't the row with the
largest id, and many rows have the same instant.
"""
_INSERT_ORDERS_SQL = f"""INSERT INTO orders (id, merch_txn_id, corporation_number, total_amount, status, work_state,
    created_at, updated_at, state_since, version)
  {{counted}} SELECT i, 'ORD-' || i, substr('9000000000000' || (i - i % 3), -13), 3300,
    CASE WHEN i % 200 < 4 THEN 'pending' ELSE 'paid' END, CASE WHEN i % 20 = 9 THEN 'needs_review' ELSE 'none' END,
    {_INSTANT_SQL}, {_INSTANT_SQL}, {STATE_SINCE_SQL}, 1 FROM counted"""
_INSERT_PAYMENTS_SQL = f"""INSERT INTO payments (id, order_id, provider, merchant_payment_id, provider_payment_id,
    corporation_number, payer_ref, status, certainty, work_state, work_at, work_reason, currency, asked_minor,
    captured_minor, created_at, changed_at, state_since, version)
  {{counted}} SELECT i, i - (i % 200 = 5), 'paypay', 'ORD-' || i, CASE WHEN i % 200 > 5 THEN '0421' || i END,
    substr('9000000000000' || (i - i % 3), -13), '架空' || (i % 1000),
    CASE WHEN i % 200 = 0 THEN 'initializing' WHEN i % 200 = 1 THEN 'token_generated'
         WHEN i % 200 IN (2, 3) THEN 'user_payment' WHEN i % 200 IN (4, 6) THEN 'payment_failed'
         ELSE 'completed' END,
    CASE WHEN i % 200 = 3 THEN 'unknown' ELSE 'known' END,
    CASE WHEN i % 20 = 9 THEN 'needs_review' WHEN i % 200 < 4 THEN 'scheduled' ELSE 'none' END,
    CASE WHEN i % 200 < 4 THEN {_INSTANT_SQL} END, CASE WHEN i % 200 < 4 THEN 'unknown' END, 'JPY', 3300,
    CASE WHEN i % 200 > 6 THEN 3300 ELSE 0 END, {_INSTANT_SQL}, {_INSTANT_SQL}, {STATE_SINCE_SQL}, 3 FROM counted"""
_INSERT_REFUNDS_SQL = f"""INSERT INTO refunds (id, order_id, payment_id, refund_amount, currency, refund_txn_id,
    status, certainty, work_state, work_at, work_reason, maker, reason, saw, radar, checkers_needed, decide_by,
    provider_refund_key, created_at, changed_at, state_since, version)
  {{counted}} SELECT i, i * 2, i * 2, 1000, 'JPY', 'R-' || i,
    CASE WHEN i % 200 < 2 THEN 'requested' WHEN i % 200 < 4 THEN 'approved' WHEN i % 200 < 6 THEN 'submitting'
         WHEN i % 200 < 8 THEN 'submitted' WHEN i % 200 < 10 THEN 'failed' ELSE 'completed' END,
    CASE WHEN i % 200 = 5 THEN 'unknown' ELSE 'known' END,
    CASE WHEN i % 20 = 11 THEN 'needs_review' WHEN i % 200 < 8 THEN 'scheduled' ELSE 'none' END,
    CASE WHEN i % 200 < 8 THEN {_INSTANT_SQL} END, CASE WHEN i % 200 < 8 THEN 'poll' END, 'op-' || (i % 50), '', '',
    '', 1,
    {_INSTANT_SQL}, 'RFD-' || i, {_INSTANT_SQL}, {_INSTANT_SQL}, {STATE_SINCE_SQL}, 3 FROM counted"""

_INSERT_VOTES_SQL = f"""INSERT INTO approvals (subject_kind, subject_id, action, proposed, person, at)
  {{counted}} SELECT 'refund', CAST(i AS CHAR(20)), 'refund.approve', 'approved', 'lead-' || (i % 7), {_INSTANT_SQL}
  FROM counted WHERE i % 200 > 1"""


def make_insert_money_statements_from_counters(count_sql: str, refund_count_sql: str) -> tuple[str, ...]:
    """Return the statements that insert orders, payments, refunds and votes. `count_sql` and `refund_count_sql` are
    beginnings of statements that count rows: `refund_count_sql` counts the refunds, at most half as many as the
    payments. On a server the statements need `sql_mode = PIPES_AS_CONCAT`.
    """
    return (
        _INSERT_ORDERS_SQL.format(counted=count_sql),
        _INSERT_PAYMENTS_SQL.format(counted=count_sql),
        _INSERT_REFUNDS_SQL.format(counted=refund_count_sql),
        _INSERT_VOTES_SQL.format(counted=refund_count_sql),
    )
