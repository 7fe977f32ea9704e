"""Payments, refunds and orders on which forbidden statements would do harm, and functions that return such statements
as SQL. op-b is the requester of all refunds except two: lead-b has requested OWN_REFUND_ID, and the disabled person
`gone` has requested GONE_REFUND_ID."""

from tests.store.forbidden import ANY_HASH, NOW_SQL, make_evidence_insert, make_operation_insert
from tests.support.teams import Team

(
    REQUESTED_REFUND_ID, OWN_REFUND_ID, TWO_VOTE_REFUND_ID, APPROVED_REFUND_ID, COOLING_REFUND_ID, SENDING_REFUND_ID,
    SUBMITTED_REFUND_ID,
    COMPLETED_REFUND_ID, FAILED_REFUND_ID, DECLINED_REFUND_ID, GONE_REFUND_ID, LATE_REFUND_ID, GIVEN_UP_REFUND_ID,
    VOTED_REFUND_ID,
) = range(1, 15)  # fmt: skip
"""Ids of refunds in different states. Each refund is of the payment with the same id; TWO_VOTE_REFUND_ID needs two
votes.
"""
FREE_PAYMENT_ID, WAITING_PAYMENT_ID, SET_ASIDE_PAYMENT_ID, BIG_PAYMENT_ID, REVERSED_PAYMENT_ID = range(21, 26)
"""Ids of payments without refunds."""
(
    UNPAID_ORDER_ID,
    CANCELLED_ORDER_ID,
    PAID_ORDER_ID,
    ORDER_PAID_AT_ATOM_ID,
    ORDER_WAITING_AT_ATOM_ID,
    ORDER_WITH_SHOP_TEXTS_ID,
) = range(1, 7)
"""Ids of orders. The last three have a payment at Atom: a paid one, a waiting one, and a paid one with the shop's own
texts in the columns of the order.
"""
REFUNDED_ORDER_ID = 31
"""Id of a pending order whose payment at Atom was paid and partly refunded."""
REFUND_AMOUNT_MINOR = 300
SET_CHECKS_OFF_SQL = (
    "SET SESSION foreign_key_checks = 0, unique_checks = 0, sql_mode = ''",
    "SET @off = 1 /*M! , SESSION check_constraint_checks = 0 */",  # of MariaDB alone
)
SET_FUTURE_TIME_SQL = "SET timestamp = 2145916800"
KEY_COLUMNS = {
    "provider_refund_key": "'RFD-2'",
    "sent_count": "sent_count + 1",
    "first_sent_at": NOW_SQL,
    "last_sent_at": NOW_SQL,
    "operation_id": "'op-new'",
}
SENT_COLUMNS = {"status": "'submitting'", **KEY_COLUMNS}
COMPLETED_REFUND_COLUMNS = {"status": "'completed'", "certainty": "'known'", "refund_txn_id": "'4711'"}
FAILED_REFUND_COLUMNS = {"status": "'failed'", "certainty": "'known'"}


def make_insert(table: str, **values: str) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


def make_notice_insert(**values: str) -> str:
    """Return the INSERT of a notice in the form in which the worker stores it. `values` are SQL expressions by
    column.
    """
    own = {"source": "'bank'", "event_id": "UUID()", "kind": "'payment.succeeded'", "received_at": NOW_SQL,
           "done": "'unmatched'", "body": "''", "who": "'{me}'"}  # fmt: skip
    return make_insert("payment_events", **(own | values))


def make_update(table: str, record: int | str, **values: str) -> str:
    """Return an UPDATE of a record in the form in which the services write it, with the version raised by one.
    `values` are SQL expressions by column.
    """
    return make_column_update(table, record, **({"version": "version + 1"} | values))


def make_column_update(table: str, record: int | str, **values: str) -> str:
    """Return an UPDATE of a record that sets these values, SQL expressions by column, and doesn't raise the version.
    For the tables without a version column, and for tests of the constraint which requires that the version rises.
    """
    assignments = ", ".join(f"{name} = {value}" for name, value in values.items())
    return f"UPDATE {table} SET {assignments} WHERE id = {record}"


def make_refund_update(record: int | str, **values: str) -> str:
    return make_update("refunds", record, **values)


def make_payment_update(record: int | str, **values: str) -> str:
    return make_update("payments", record, **values)


def make_reserve_update(record: int = FREE_PAYMENT_ID, minor: int = REFUND_AMOUNT_MINOR) -> str:
    return make_payment_update(record, reserved_minor=f"reserved_minor + {minor}")


def make_refund_insert(payment_id: int = FREE_PAYMENT_ID, minor: int = REFUND_AMOUNT_MINOR, **more: str) -> str:
    """Return the INSERT of a refund request in the form in which the services write it. `more` are SQL expressions
    by column, which replace the usual ones.
    """
    written = {
        "payment_id": str(payment_id), "refund_amount": str(minor), "currency": "'JPY'", "status": "'requested'",
        "maker": "'{me}'", "reason": "'broken'", "saw": "'[]'", "radar": "'[]'", "checkers_needed": "1",
        "decide_by": f"{NOW_SQL} + INTERVAL 72 HOUR", "created_at": NOW_SQL, "changed_at": NOW_SQL,
    }  # fmt: skip
    return make_insert("refunds", **(written | more))


def make_vote_insert(refund_id: int | str, person: str = "'{me}'", action: str = "'refund.approve'") -> str:
    return make_insert(
        "approvals",
        subject_kind="'refund'",
        subject_id=f"{refund_id}",
        action=action,
        proposed="'approved'",
        person=person,
        at=NOW_SQL,
    )


def make_proposal_insert(record_id: int, proposed: str = "failed", kind: str = "refund") -> str:
    return make_insert(
        "approvals",
        subject_kind=f"'{kind}'",
        subject_id=f"'{record_id}'",
        action="'resolve'",
        proposed=f"'{proposed}'",
        person="'{me}'",
        evidence_id="LAST_INSERT_ID()",
        at=NOW_SQL,
    )


def make_proof_insert(record_id: int, person: str = "{me}", kind: str = "refund") -> str:
    return make_evidence_insert(person, record_id).replace("'credit-check'", f"'{kind}'")


def make_answer_insert(
    summary: str, record_id: int | str = SENDING_REFUND_ID, source: str = "paypay.refund", kind: str = "refund"
) -> str:
    """Return the INSERT of a provider's answer to the call `source` in the form in which the services store it.
    The answer is about the record of this kind and id, and about its operation; `summary` is its stored summary.
    """
    return make_insert(
        "evidence", subject_kind=f"'{kind}'", subject_id=str(record_id),
        operation_id=f"'op-r{record_id}'", at=NOW_SQL,
        source=f"'{source}'", who="'{me}'", sha256=f"'{ANY_HASH}'", summary=f"'{summary}'", body="''",
    )  # fmt: skip


def make_payment_insert(**more: str) -> str:
    written = {
        "provider": "'paypay'",
        "merchant_payment_id": "'ORD-99'",
        "status": "'initializing'",
        "currency": "'JPY'",
        "asked_minor": "500",
        "created_at": NOW_SQL,
        "changed_at": NOW_SQL,
    }
    return make_insert("payments", **(written | more))


def make_sending_insert(refund_id: int) -> str:
    """Return the INSERT of the journal's row for a refund in the state `submitting`."""
    made = (
        make_operation_insert().replace("credit-check.refetch", "refund.submit").replace("'credit-check'", "'refund'")
    )
    return made.replace("(id, action, subject_kind,", "(id, action, subject_kind, subject_id,").replace(
        "'refund', 'calling'", f"'refund', {refund_id}, 'calling'"
    )


def insert_money_rows(team: Team) -> None:
    """Insert payments, refunds in every state, votes, proposals, orders, a notice, an account and a set-aside of this
    account, with the schema account."""
    other, lead = team.names["op-b"], team.names["lead-b"]
    with team.open_connection("owner") as owner, owner.cursor() as cursor:
        for statement in (
            *_make_payment_inserts(),
            *_make_refund_inserts(other, lead),
            *_make_decision_inserts(other, team.names["lead-c"]),
            *_make_other_inserts(),
        ):
            cursor.execute(statement)


def _choose_paid_state(number: int) -> str:
    return "reversed" if number == REVERSED_PAYMENT_ID else "completed"


def _make_payment_inserts() -> list[str]:
    amounts_by_id = dict.fromkeys(
        (
            *range(REQUESTED_REFUND_ID, SUBMITTED_REFUND_ID + 1),
            GONE_REFUND_ID,
            LATE_REFUND_ID,
            GIVEN_UP_REFUND_ID,
            VOTED_REFUND_ID,
        ),
        f"{REFUND_AMOUNT_MINOR}, 0, 0",
    )
    amounts_by_id |= {COMPLETED_REFUND_ID: f"0, {REFUND_AMOUNT_MINOR}, 0", SET_ASIDE_PAYMENT_ID: "0, 0, 400"}
    captured = {WAITING_PAYMENT_ID: 0, BIG_PAYMENT_ID: 2_000_000}
    columns = "id, order_id, provider, merchant_payment_id, provider_payment_id, status, currency, asked_minor"
    columns += ", captured_minor, reserved_minor, refunded_minor, set_aside_minor, created_at, changed_at"
    rows = []
    for number in (
        *range(REQUESTED_REFUND_ID, VOTED_REFUND_ID + 1),
        FREE_PAYMENT_ID,
        WAITING_PAYMENT_ID,
        SET_ASIDE_PAYMENT_ID,
        BIG_PAYMENT_ID,
        REVERSED_PAYMENT_ID,
    ):
        state, theirs = (
            ("user_payment", "NULL")
            if number == WAITING_PAYMENT_ID
            else (_choose_paid_state(number), f"'pp-{number}'")
        )
        sums = f"1000, {captured.get(number, 1000)}, {amounts_by_id.get(number, '0, 0, 0')}"
        order = {
            COMPLETED_REFUND_ID: CANCELLED_ORDER_ID,
            WAITING_PAYMENT_ID: UNPAID_ORDER_ID,
            REVERSED_PAYMENT_ID: PAID_ORDER_ID,
        }.get(number, "NULL")
        named = f"{number}, {order}, 'paypay', 'ORD-{number}', {theirs}"
        rows.append(f"({named}, '{state}', 'JPY', {sums}, {NOW_SQL}, {NOW_SQL})")
    return [f"INSERT INTO payments ({columns}) VALUES {', '.join(rows)}"]


def _make_refund_inserts(other: str, lead: str) -> list[str]:
    key = {
        "provider_refund_key": "'RFD-{0}'",
        "sent_count": "1",
        "first_sent_at": NOW_SQL,
        "last_sent_at": NOW_SQL,
        "operation_id": "'op-r{0}'",
    }
    unknown = {"status": "'submitting'", "certainty": "'unknown'"} | key
    by_number: dict[int, dict[str, str]] = {
        REQUESTED_REFUND_ID: {},
        OWN_REFUND_ID: {"maker": f"'{lead}'"},
        TWO_VOTE_REFUND_ID: {"checkers_needed": "2"},
        APPROVED_REFUND_ID: {"status": "'approved'"},
        COOLING_REFUND_ID: {"status": "'approved'", "sends_after": f"{NOW_SQL} + INTERVAL 1 HOUR"},
        SENDING_REFUND_ID: unknown,
        SUBMITTED_REFUND_ID: {"status": "'submitted'", "refund_txn_id": "'t7'"} | key,
        COMPLETED_REFUND_ID: {"status": "'completed'", "refund_txn_id": "'t8'", "order_id": str(CANCELLED_ORDER_ID)}
        | key,
        FAILED_REFUND_ID: {"status": "'failed'"} | key,
        DECLINED_REFUND_ID: {"status": "'rejected'", "declined_because": "'no'"},
        GONE_REFUND_ID: {"maker": "'gone'"},
        LATE_REFUND_ID: {"decide_by": f"{NOW_SQL} - INTERVAL 1 HOUR"},
        GIVEN_UP_REFUND_ID: unknown,
        VOTED_REFUND_ID: {},
    }
    seeded = []
    for number, values in by_number.items():
        columns = {name: value.format(number) for name, value in values.items()}
        seeded.append(
            make_refund_insert(number, REFUND_AMOUNT_MINOR, **({"id": str(number), "maker": f"'{other}'"} | columns))
        )
    return [f"INSERT INTO operators (name, roles, disabled_at) VALUES ('gone', 'operator', {NOW_SQL})", *seeded]


def _make_decision_inserts(other: str, lead: str) -> list[str]:
    votes = [
        make_vote_insert(number, f"'{lead}'")
        for number in (
            APPROVED_REFUND_ID,
            COOLING_REFUND_ID,
            SENDING_REFUND_ID,
            SUBMITTED_REFUND_ID,
            COMPLETED_REFUND_ID,
            VOTED_REFUND_ID,
        )
    ]
    given_up = (
        make_proof_insert(GIVEN_UP_REFUND_ID, other),
        make_proposal_insert(GIVEN_UP_REFUND_ID).format(me=other),
    )
    reversed_ = (
        make_proof_insert(BIG_PAYMENT_ID, other, "payment"),
        make_proposal_insert(BIG_PAYMENT_ID, "reversed", "payment").format(me=other),
    )
    return [*votes, *given_up, *reversed_]


def _make_other_inserts() -> list[str]:
    order = {"merch_txn_id": "'ORD-1'", "total_amount": "1000", "status": "'pending'"}
    theirs = {"atom_token_id": "'S'", "atom_txn_id": "'S'", "payment_method": "'card'"}
    atom = {
        "provider": "'atom'",
        "currency": "'JPY'",
        "asked_minor": "1000",
        "created_at": NOW_SQL,
        "changed_at": NOW_SQL,
    }
    return [
        make_insert("orders", id=str(ORDER_PAID_AT_ATOM_ID), **(order | {"merch_txn_id": "'ORD-4'",
            "status": "'paid'"})),
        make_insert("orders", id=str(ORDER_WAITING_AT_ATOM_ID), **(order | {"merch_txn_id": "'ORD-5'"})),
        make_insert("orders", id=str(ORDER_WITH_SHOP_TEXTS_ID), **(order | theirs | {"merch_txn_id": "'ORD-6'",
            "status": "'paid'"})),
        *(make_insert("payments", order_id=str(of), merchant_payment_id=f"'ORD-{of}'", handle=f"'T-{of}'",
              status="'completed'", provider_payment_id=f"'A-{of}'", captured_minor="1000", **atom)
          for of in (ORDER_PAID_AT_ATOM_ID, ORDER_WITH_SHOP_TEXTS_ID)),
        make_insert("payments", order_id=str(ORDER_WAITING_AT_ATOM_ID), merchant_payment_id="'ORD-5'", handle="'T-5'",
            provider_payment_id="'A-5'", status="'user_payment'", **atom),
        make_insert("orders", id=str(REFUNDED_ORDER_ID), **(order | {"merch_txn_id": "'ORD-70'"})),
        make_insert("payments", order_id=str(REFUNDED_ORDER_ID), merchant_payment_id="'ORD-70'", status="'completed'",
            provider_payment_id="'A-7'", captured_minor="1000", refunded_minor="1", **atom),
        make_insert("orders", id=str(UNPAID_ORDER_ID), **order),
        make_insert("orders", id=str(CANCELLED_ORDER_ID), **(order | {"merch_txn_id": "'ORD-2'",
            "status": "'cancelled'"})),
        make_insert("orders", id=str(PAID_ORDER_ID), **(order | {"merch_txn_id": "'ORD-3'", "status": "'paid'"})),
        make_insert("accounts", id="1", corporation_number="'1180301018771'", currency="'JPY'", limit_minor="600",
            balance_minor="600"),
        make_insert("set_asides", id="1", payment_id=str(SET_ASIDE_PAYMENT_ID), account_id="1", amount_minor="400",
            currency="'JPY'",
            status="'open'", created_at=NOW_SQL, changed_at=NOW_SQL),
        make_insert("payment_events", source="'bank'", event_id="'e1'", payment_id=str(FREE_PAYMENT_ID),
        kind="'payment.succeeded'",
            received_at=NOW_SQL, done="'booked'", body="''"),
    ]  # fmt: skip
