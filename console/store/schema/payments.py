"""Definitions of the tables of orders, payments, their events, refunds, limits, accounts and set-asides. The
migrations create them."""

from sqlalchemy import BigInteger, Boolean, Column, Computed, Index, Integer, String, Table, UniqueConstraint, text

from console.domain.payments.states import OPEN_REFUND_STATES
from console.store.schema import claim_columns as claim_sql
from console.store.schema import mismatch_columns as mismatch_sql
from console.store.schema.column_types import UNKNOWN_INSTANT_SQL, Id, Instant, LongText
from console.store.schema.core import metadata as metadata

_OPEN_STATES_SQL = ", ".join(sorted(repr(state.value) for state in OPEN_REFUND_STATES))
PAYMENT_ID_OF_OPEN_REFUND_SQL = f"CASE WHEN status IN ({_OPEN_STATES_SQL}) THEN payment_id END"
"""SQL of a derived column of refunds: the payment's id while the refund is open, then NULL. A unique index over this
column allows one open refund per payment.
"""

orders = Table(
    "orders",
    metadata,
    # Columns of the shop. Any of them may be NULL except the order number, the amount and the currency.
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("user_id", String(64)),
    Column("corporation_number", String(64)),
    Column("merch_txn_id", String(64), nullable=False),
    Column("atom_token_id", String(64)),
    Column("atom_txn_id", String(64)),
    Column("total_amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False, server_default="JPY"),
    Column("payment_method", String(20)),
    Column("status", String(20), nullable=False, server_default="pending"),
    Column("created_at", Instant),
    Column("updated_at", Instant),
    # Columns of the console.
    Column("work_state", String(16), nullable=False, server_default="none"),
    Column("work_at", Instant),
    Column("work_reason", String(64)),
    Column("work_attempts", Integer, nullable=False, server_default="0"),
    Column("state_since", Instant, nullable=False, server_default=UNKNOWN_INSTANT_SQL),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("number_key", String(64), Computed(claim_sql.NUMBER_KEY_SQL["sqlite"], persisted=False)),
    Column("disagrees", Integer, Computed(mismatch_sql.ORDER_MISMATCH_SQL, persisted=False)),
    Index("uq_orders_number", "merch_txn_id", unique=True),
    Index("ix_orders_corporation", "number_key", "id"),
    Index("ix_orders_atom", "atom_txn_id"),
    Index("ix_orders_status", "status", "work_state", "state_since", "id"),
    Index("ix_orders_work", "work_state", "state_since", "id"),
    Index("ix_orders_disagrees", "disagrees", "work_state", "state_since", "id"),
    sqlite_autoincrement=True,
)

payments = Table(
    "payments",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("order_id", BigInteger),
    Column("provider", String(32), nullable=False),
    Column("merchant_payment_id", String(64), nullable=False),
    Column("provider_payment_id", String(64)),
    Column("corporation_number", String(13)),
    Column("payer_ref", String(255)),
    Column("status", String(20), nullable=False),
    Column("certainty", String(10), nullable=False, server_default="known"),
    Column("work_state", String(16), nullable=False, server_default="none"),
    Column("work_at", Instant),
    Column("work_reason", String(64)),
    Column("work_attempts", Integer, nullable=False, server_default="0"),
    Column("currency", String(3), nullable=False),
    Column("asked_minor", BigInteger, nullable=False),
    Column("captured_minor", BigInteger, nullable=False, server_default="0"),
    Column("reserved_minor", BigInteger, nullable=False, server_default="0"),
    Column("refunded_minor", BigInteger, nullable=False, server_default="0"),
    Column("set_aside_minor", BigInteger, nullable=False, server_default="0"),
    Column("outside_minor", BigInteger, nullable=False, server_default="0"),  # two people: given back outside
    Column("account_minor", BigInteger, nullable=False, server_default="0"),  # part in the account's reservations
    Column("by_code", Boolean, nullable=False, server_default=text("1")),
    Column("handle", String(128)),
    Column("url", String(255)),
    Column("payment_expires_at", Instant),
    Column("begun_at", Instant),
    Column("paid_at", Instant),
    Column("provider_state", String(40)),
    Column("provider_minor", BigInteger),
    Column("provider_refunded_minor", BigInteger),
    Column("told_at", Instant),
    Column("payment_last_event_id", String(128)),
    Column("error_code", String(64)),
    Column("operation_id", String(36)),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("state_since", Instant, nullable=False, server_default=UNKNOWN_INSTANT_SQL),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("booked_at", Instant),  # when the console learned that it was paid
    Column("late_after", String(20)),  # the final state (expired or failed) before a late payment
    Column("disagrees", Integer, Computed(mismatch_sql.PAYMENT_MISMATCH_SQL, persisted=False)),
    Index("uq_payments_ours", "provider", "merchant_payment_id", unique=True),
    Index("uq_payments_theirs", "provider", "provider_payment_id", unique=True),
    Index("ix_payments_corporation", "corporation_number", "id"),
    Index("ix_payments_order", "order_id"),
    Index("ix_payments_merchant", "merchant_payment_id"),
    Index("ix_payments_provider", "provider_payment_id"),
    Index("ix_payments_payer", "payer_ref"),
    Index("ix_payments_status", "status", "certainty", "work_state", "state_since", "id"),
    Index("ix_payments_certainty", "certainty", "work_state", "state_since", "id"),
    Index("ix_payments_work", "work_state", "state_since", "id"),
    Index("ix_payments_due", "work_state", "work_at"),
    Index("ix_payments_over", "status", "certainty", "payment_expires_at"),
    Index("ix_payments_paid", "provider", "paid_at"),
    Index("ix_payments_begun", "provider", "begun_at"),
    Index("ix_payments_disagrees", "disagrees", "work_state", "state_since", "id"),
    sqlite_autoincrement=True,
)

payment_events = Table(
    "payment_events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("source", String(32), nullable=False),
    Column("event_id", String(128), nullable=False),
    Column("payment_id", BigInteger),
    Column("kind", String(40), nullable=False),
    Column("order_no", String(64)),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
    Column("occurred_at", Instant),
    Column("received_at", Instant, nullable=False),
    Column("done", String(16), nullable=False),
    Column("body", LongText, nullable=False),
    Column("signature", String(128)),  # header with the signature, from a source that signs
    Column("who", String(64)),  # account that stored it; NULL in rows of older versions
    UniqueConstraint("source", "event_id", name="uq_payment_events"),
    Index("ix_payment_events_payment", "payment_id"),
    Index("ix_payment_events_done", "done", "id"),
    Index("ix_payment_events_source", "source", "occurred_at"),
    sqlite_autoincrement=True,
)

refunds = Table(
    "refunds",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("order_id", BigInteger),
    Column("payment_id", BigInteger, nullable=False),
    Column("refund_amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("refund_txn_id", String(64)),
    Column("status", String(20), nullable=False),
    Column("certainty", String(10), nullable=False, server_default="known"),
    Column("work_state", String(16), nullable=False, server_default="none"),
    Column("work_at", Instant),
    Column("work_reason", String(64)),
    Column("work_attempts", Integer, nullable=False, server_default="0"),
    Column("maker", String(64), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("reason_code", String(32)),
    Column("ticket", String(64)),
    Column("intended_repeat", Boolean, nullable=False, server_default=text("0")),
    Column("set_aside_id", BigInteger),
    Column("saw", LongText, nullable=False),  # JSON: the payment as the maker saw it
    Column("radar", LongText, nullable=False),  # JSON: the risk signals, with the maker's comments
    Column("checkers_needed", Integer, nullable=False),
    Column("sends_after", Instant),
    Column("decide_by", Instant, nullable=False),
    Column("declined_because", String(500)),
    Column("provider_refund_key", String(64)),
    Column("provider_state", String(40)),
    Column("told_at", Instant),
    Column("first_sent_at", Instant),
    Column("last_sent_at", Instant),
    Column("sent_count", Integer, nullable=False, server_default="0"),
    Column("not_found", Integer, nullable=False, server_default="0"),
    Column("first_not_found_at", Instant),
    Column("error_code", String(64)),
    Column("operation_id", String(36)),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("state_since", Instant, nullable=False, server_default=UNKNOWN_INSTANT_SQL),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("open_payment", BigInteger, Computed(PAYMENT_ID_OF_OPEN_REFUND_SQL, persisted=False)),
    Column("disagrees", Integer, Computed(mismatch_sql.REFUND_MISMATCH_SQL, persisted=False)),
    Index("uq_refunds_open", "open_payment", unique=True),
    Index("uq_refunds_key", "provider_refund_key", unique=True),
    Index("ix_refunds_txn", "refund_txn_id"),
    Index("ix_refunds_payment", "payment_id", "id"),
    Index("ix_refunds_order", "order_id"),
    Index("ix_refunds_status", "status", "certainty", "work_state", "state_since", "id"),
    Index("ix_refunds_certainty", "certainty", "work_state", "state_since", "id"),
    Index("ix_refunds_work", "work_state", "state_since", "id"),
    Index("ix_refunds_due", "work_state", "work_at"),
    Index("ix_refunds_maker", "maker", "created_at"),
    Index("ix_refunds_sent", "first_sent_at"),
    Index("ix_refunds_disagrees", "disagrees", "work_state", "state_since", "id"),
    sqlite_autoincrement=True,
)

limits = Table(
    "limits",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("currency", String(3), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("corporation_number", String(13), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("limit_minor", BigInteger, nullable=False),
    Column("balance_minor", BigInteger, nullable=False, server_default="0"),
    Column("reserved_minor", BigInteger, nullable=False, server_default="0"),
    Column("version", Integer, nullable=False, server_default="1"),
    Index("uq_accounts_holder", "corporation_number", "currency", unique=True),
    sqlite_autoincrement=True,
)

set_asides = Table(
    "set_asides",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("payment_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("status", String(20), nullable=False),
    Column("refund_id", BigInteger),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Index("ix_set_asides_payment", "payment_id"),
    Index("ix_set_asides_status", "status", "id"),
    sqlite_autoincrement=True,
)
