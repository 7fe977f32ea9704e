"""Statements about payments, refunds and orders that a server refuses, and records on which each would do harm.

See `forbidden`, whose form this has. Refunds are op-b's, but one that is lead-b's own.
"""

from collections.abc import Sequence

from tests.store.forbidden import HASH, IN_NAME, UTC, Forbidden, evidence_row, operation_row
from tests.support.teams import Team

(
    ASKED, OWN, TWO, APPROVED, COOLING, SENDING, SUBMITTED, COMPLETED, FAILED, DECLINED, GONE, LATE, GIVEN_UP, VOTED,
) = range(1, 15)  # fmt: skip
"""Refunds, each of the payment of the same number."""
FREE, WAITING, ASIDE, BIG = range(21, 25)
"""Payments that nothing is refunded of."""
UNPAID, CANCELLED = 1, 2
"""Orders."""
SUM = 300
CHECKS_OFF = (
    "SET SESSION foreign_key_checks = 0, unique_checks = 0, sql_mode = ''",
    "SET SESSION check_constraint_checks = 0",
)
FAR_AHEAD = "SET timestamp = 4102444800"
KEY = {
    "provider_refund_key": "'RFD-2'", "sent_count": "sent_count + 1", "first_sent_at": UTC, "last_sent_at": UTC,
    "operation_id": "'op-new'",
}  # fmt: skip
SENT = {"status": "'submitting'", **KEY}
DONE = {"status": "'completed'", "certainty": "'known'", "refund_txn_id": "'4711'"}
NOT_DONE = {"status": "'failed'", "certainty": "'known'"}


def _f(title: str, *sql: str, words: str = "denied") -> Forbidden:
    return Forbidden(title, sql, words)


def row(table: str, **values: str) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


def changed(table: str, record: int | str, **values: str) -> str:
    """An update as our services write them, with the version raised."""
    told = ", ".join(f"{name} = {value}" for name, value in ({"version": "version + 1"} | values).items())
    return f"UPDATE {table} SET {told} WHERE id = {record}"


def refund(record: int | str, **values: str) -> str:
    return changed("refunds", record, **values)


def payment(record: int | str, **values: str) -> str:
    return changed("payments", record, **values)


def reserve(record: int = FREE, minor: int = SUM) -> str:
    return payment(record, reserved_minor=f"reserved_minor + {minor}")


def refund_row(of: int = FREE, minor: int = SUM, **more: str) -> str:
    """A request as our services write it."""
    written = {
        "payment_id": str(of), "refund_amount": str(minor), "currency": "'JPY'", "status": "'requested'",
        "maker": "'{me}'", "reason": "'broken'", "saw": "'[]'", "radar": "'[]'", "checkers_needed": "1",
        "decide_by": f"{UTC} + INTERVAL 72 HOUR", "created_at": UTC, "changed_at": UTC,
    }  # fmt: skip
    return row("refunds", **(written | more))


def vote(of: int | str, who: str = "'{me}'", action: str = "'refund.approve'") -> str:
    return row(
        "approvals", subject_kind="'refund'", subject_id=f"{of}", action=action, proposed="'approved'", person=who,
        at=UTC,
    )  # fmt: skip


def proposal(of: int, proposed: str = "failed", kind: str = "refund") -> str:
    return row(
        "approvals", subject_kind=f"'{kind}'", subject_id=f"'{of}'", action="'resolve'", proposed=f"'{proposed}'",
        person="'{me}'", evidence_id="LAST_INSERT_ID()", at=UTC,
    )  # fmt: skip


def proof(of: int, who: str = "{me}", kind: str = "refund") -> str:
    return evidence_row(who, of).replace("'credit-check'", f"'{kind}'")


def answer(summary: str, of: int | str = SENDING, source: str = "paypay.refund", kind: str = "refund") -> str:
    """A provider's answer, as it is kept."""
    return row(
        "evidence", subject_kind=f"'{kind}'", subject_id=str(of), operation_id=f"'op-r{of}'", at=UTC,
        source=f"'{source}'", who="'{me}'", sha256=f"'{HASH}'", summary=f"'{summary}'", body="''",
    )  # fmt: skip


def payment_row(**more: str) -> str:
    written = {
        "provider": "'paypay'", "merchant_payment_id": "'ORD-99'", "status": "'initializing'", "currency": "'JPY'",
        "asked_minor": "500", "created_at": UTC, "changed_at": UTC,
    }  # fmt: skip
    return row("payments", **(written | more))


def sending(of: int) -> str:
    """The journal's row of a refund that is being sent."""
    made = operation_row().replace("credit-check.refetch", "refund.submit").replace("'credit-check'", "'refund'")
    return made.replace("(id, action, subject_kind,", "(id, action, subject_kind, subject_id,").replace(
        "'refund', 'calling'", f"'refund', {of}, 'calling'"
    )


STANDS = "stays as it was decided"
ONLY_ANSWER = "refunded: only the provider"
BEGINS = "begins as a request"
LIMITS = "beyond the limits"
OTHERS = "of somebody else who still may act"
LEFT = "captured is what is left"

REFUND_CASES: Sequence[Forbidden] = (
    _f("refund: ask in another's name", reserve(), refund_row(maker="'{other}'"), words=IN_NAME),
    _f("refund: ask as oneself in capitals", reserve(), refund_row(maker="'{ME}'"), words=IN_NAME),
    _f("refund: ask as a letter that looks the same", reserve(), refund_row(maker="'{homoglyph}'"), words=IN_NAME),
    _f("refund: begin approved", reserve(), refund_row(status="'approved'"), words=BEGINS),
    _f("refund: begin completed", reserve(), refund_row(status="'completed'", refund_txn_id="'1'"), words=BEGINS),
    _f("refund: begin with a key", reserve(), refund_row(provider_refund_key="'RFD-1'"), words=BEGINS),
    _f("refund: begin as sent", reserve(), refund_row(sent_count="1"), words=BEGINS),
    _f("refund: begin as unknown", reserve(), refund_row(certainty="'unknown'"), words=BEGINS),
    _f("refund: of nothing", refund_row(minor=0), words="one minor unit"),
    _f("refund: of less than nothing", refund_row(minor=-5), words="one minor unit"),
    _f("refund: of less than nothing, all checks off", *CHECKS_OFF, refund_row(minor=-5), words="one minor unit"),
    _f("refund: of 10^18", refund_row(minor=10**18), words="one minor unit"),
    _f("refund: more than was captured", reserve(minor=1001), words=LEFT),
    _f("refund: more than was captured, all checks off", *CHECKS_OFF, reserve(minor=1001), words=LEFT),
    _f("refund: more than is left", reserve(ASKED, 701), words=LEFT),
    _f("refund: without reserving it", refund_row(), words="own sum reserved"),
    _f("refund: more than was reserved for it", reserve(minor=1), refund_row(), words="own sum reserved"),
    _f("refund: on another request's reservation", refund_row(ASKED), words="own sum reserved"),
    _f("refund: a second open one", reserve(ASKED), refund_row(ASKED), words="Duplicate entry"),
    _f("refund: of no payment", refund_row(999), words="own sum reserved"),
    _f("refund: in another currency", reserve(), refund_row(currency="'INR'"), words="own sum reserved"),
    _f("refund: of another order", reserve(), refund_row(order_id="1"), words="own sum reserved"),
    _f("refund: with nobody to check it", reserve(), refund_row(checkers_needed="0"), words="one or two checkers"),
    _f("refund: beyond what one may be", reserve(BIG, 1_500_000), refund_row(BIG, 1_500_000), words=LIMITS),
    _f(
        "refund: one checker where two are needed",
        reserve(BIG, 600_000),
        refund_row(BIG, 600_000, sends_after=UTC),
        words=LIMITS,
    ),
    _f("refund: no cooling-off where there is one", reserve(BIG, 200_000), refund_row(BIG, 200_000), words=LIMITS),
    _f("refund: of what was set aside elsewhere", reserve(), refund_row(set_aside_id="1"), words="was set aside"),
    _f("approve: one's own request", vote(OWN), words=OTHERS),
    _f("approve: one's own request, all checks off", *CHECKS_OFF, vote(OWN), words=OTHERS),
    _f("approve: one's own request without a vote", refund(OWN, status="'approved'"), words="of their own"),
    _f("approve: in the breath of asking", reserve(), refund_row(), vote("LAST_INSERT_ID()"), words=OTHERS),
    _f("approve: in another's name", vote(ASKED, "'{other}'"), words=IN_NAME),
    _f("approve: as a letter that looks the same", vote(ASKED, "'{homoglyph}'"), words=IN_NAME),
    _f("approve: twice, to be two", vote(TWO), vote(TWO), words="Duplicate entry"),
    _f(
        "approve: twice, with a blank behind the deed",
        vote(TWO),
        vote(TWO, action="'refund.approve '"),
        words="no such decision",
    ),
    _f("approve: twice, with a zero before the number", vote(TWO), vote("'03'"), words=OTHERS),
    _f("approve: alone where two are needed", vote(TWO), refund(TWO, status="'approved'"), words="as many approvers"),
    _f(
        "approve: alone where two are needed, all checks off",
        *CHECKS_OFF,
        vote(TWO),
        refund(TWO, status="'approved'"),
        words="as many approvers",
    ),
    _f("approve: without a vote", refund(ASKED, status="'approved'"), words="without a vote"),
    _f("approve: on somebody else's vote", refund(VOTED, status="'approved'"), words="without a vote"),
    _f(
        "approve: by INSERT … ON DUPLICATE KEY UPDATE",
        reserve(ASKED),
        refund_row(ASKED) + " ON DUPLICATE KEY UPDATE status = 'approved', version = version + 1",
    ),
    _f("approve: what somebody asked for who is disabled", vote(GONE), words=OTHERS),
    _f("approve: after its time", vote(LATE), words=OTHERS),
    _f("approve: after its time, with a forged NOW()", "SET timestamp = 1", vote(LATE), words=OTHERS),
    _f("approve: what was declined", vote(DECLINED), words=OTHERS),
    _f("approve: take it back", f"UPDATE approvals SET closed_at = {UTC} WHERE vote_of = '4'", words="stands"),
    _f("approve: undo it", refund(APPROVED, status="'requested'"), words="no such step"),
    _f("decline: one's own", refund(OWN, status="'rejected'", declined_because="'x'"), words="an approver declines"),
    _f("decline: without saying why", refund(ASKED, status="'rejected'"), words="an approver declines"),
    _f("withdraw: somebody else's", refund(ASKED, status="'withdrawn'"), words="only who asked"),
    _f("expire: before its time", refund(ASKED, status="'expired'"), words="the server's clock"),
    _f("expire: with a forged NOW()", FAR_AHEAD, refund(ASKED, status="'expired'"), words="the server's clock"),
    _f("asked: another sum", refund(ASKED, refund_amount="1")),
    _f("asked: another sum once approved", refund(APPROVED, refund_amount="900")),
    _f("asked: another currency", refund(ASKED, currency="'INR'")),
    _f("asked: another payment", refund(ASKED, payment_id=str(FREE))),
    _f("asked: another maker", refund(ASKED, maker="'{me}'")),
    _f("asked: fewer checkers", refund(TWO, checkers_needed="1")),
    _f("asked: a shorter cooling-off", refund(COOLING, sends_after="NULL")),
    _f("asked: more time to decide", refund(LATE, decide_by=f"{UTC} + INTERVAL 1 YEAR")),
    _f("send: what nobody approved", refund(ASKED, **SENT), words="no such step"),
    _f("send: before the cooling-off is over", refund(COOLING, **SENT), words="cooling-off"),
    _f("send: with a forged NOW()", FAR_AHEAD, refund(COOLING, **SENT), words="cooling-off"),
    _f("send: without a key", refund(APPROVED, **SENT | {"provider_refund_key": "NULL"}), words="before it is sent"),
    _f("send: uncounted", refund(APPROVED, **(SENT | {"sent_count": "sent_count"})), words="before it is sent"),
    _f("send: once more what is being sent", refund(SENDING, **KEY), words="sendings are counted"),
    _f("send: under another key", refund(SENDING, provider_refund_key="'RFD-3'"), words="for life"),
    _f("send: what isn't approved, by the journal", sending(ASKED), words="only a refund that is approved"),
    _f("answer: completed without the provider's number", refund(SENDING, **(DONE | {"refund_txn_id": "NULL"})),
       words="has the provider's number"),
    _f("answer: completed without one", refund(SENDING, **DONE), words=ONLY_ANSWER),
    _f("answer: completed without one, all checks off", *CHECKS_OFF, refund(SENDING, **DONE), words=ONLY_ANSWER),
    _f("answer: completed by one about another refund", answer("SUCCEEDED", SUBMITTED), refund(SENDING, **DONE),
       words=ONLY_ANSWER),
    _f("answer: completed by another provider's", answer("SUCCEEDED", source="atom.refund"), refund(SENDING, **DONE),
       words=ONLY_ANSWER),
    _f("answer: completed by a vague one", answer("HTTP 500 UNKNOWN http_500"), refund(SENDING, **DONE),
       words=ONLY_ANSWER),
    _f("answer: completed on one person's word", proof(SENDING), refund(SENDING, **DONE), words=ONLY_ANSWER),
    _f("answer: failed without one", refund(SENDING, **NOT_DONE), words=ONLY_ANSWER),
    _f("answer: failed by a vague one", answer("HTTP 500 UNKNOWN http_500"), refund(SENDING, **NOT_DONE),
       words=ONLY_ANSWER),
    _f("answer: failed on one person's word", proof(SENDING), refund(SENDING, **NOT_DONE), words=ONLY_ANSWER),
    _f("answer: failed as the first and the second person at once", proof(SENDING), proposal(SENDING), proof(SENDING),
       refund(SENDING, **NOT_DONE), words=ONLY_ANSWER),
    _f("answer: accepted without one", refund(SENDING, status="'submitted'", certainty="'known'"), words="accepted"),
    _f("answer: never sent without one", refund(SENDING, status="'approved'", certainty="'known'"),
       words="never sent, or not there"),
    _f("answer: never sent by one \N{LEFT DOUBLE QUOTATION MARK}not found\N{RIGHT DOUBLE QUOTATION MARK}",
       answer("NOT_FOUND not_found", source="paypay.refund_status"),
       refund(SENDING, status="'approved'", certainty="'known'"), words="never sent, or not there"),
    _f("answer: never sent by a limited reading", answer("RATE_LIMITED http_429", source="paypay.refund_status"),
       refund(SENDING, status="'approved'", certainty="'known'"), words="never sent, or not there"),
    _f("answer: simply known again", refund(SENDING, certainty="'known'"), words="with an outcome alone"),
    _f("answer: an invented certainty", refund(SENDING, certainty="'sure'"), words="no such certainty"),
    _f("answer: an invented state", refund(SENDING, status="'paid'"), words="no such step"),
    _f("answer: another number of the provider's", refund(SUBMITTED, refund_txn_id="'x'"), words="set once"),
    _f("decided: completed becomes failed", refund(COMPLETED, **NOT_DONE), words="no such step"),
    _f("decided: failed becomes completed", refund(FAILED, **DONE), words="no such step"),
    _f("decided: declined becomes a request", refund(DECLINED, status="'requested'"), words="no such step"),
    _f("decided: another number of the provider's", refund(COMPLETED, refund_txn_id="'x'"), words=STANDS),
    _f("decided: unknown again", refund(COMPLETED, certainty="'unknown'"), words=STANDS),
    _f("decided: why it was declined", refund(DECLINED, declined_because="'other'"), words=STANDS),
    _f("decided: without raising the version", refund(COMPLETED, version="version", work_reason="'x'"),
       words="raises the version"),
    _f("decided: delete", f"DELETE FROM refunds WHERE id = {COMPLETED}"),
    _f("decided: replace", f"REPLACE INTO refunds (id) VALUES ({COMPLETED})"),
    _f("decided: empty the table", "TRUNCATE refunds"),
)  # fmt: skip

MONEY_CASES: Sequence[Forbidden] = (
    _f("payment: a capture of one's own", payment(FREE, captured_minor="5000"), words="money has moved only"),
    _f("payment: a capture by a vague answer", answer("HTTP 500 UNKNOWN http_500", FREE, "paypay.payment", "payment"),
       payment(FREE, captured_minor="5000"), words="money has moved only"),
    _f("payment: captured becomes less", payment(FREE, captured_minor="900"), words="stays captured"),
    _f("payment: a reservation below nothing", payment(FREE, reserved_minor="-1"), words=LEFT),
    _f("payment: free what a request holds", payment(ASKED, reserved_minor="0"), words="hold stays reserved"),
    _f("payment: free what is on its way", payment(SUBMITTED, reserved_minor="0"), words="hold stays reserved"),
    _f("payment: refunded becomes less", payment(COMPLETED, refunded_minor="0"), words="stays refunded"),
    _f("payment: refunded out of nothing", payment(FREE, refunded_minor="100"), words="only what was reserved"),
    _f("payment: free what was set aside", payment(ASIDE, set_aside_minor="0"), words="by a refund alone"),
    _f("payment: paid without an answer", payment(WAITING, status="'payment_success'"), words="money has moved only"),
    _f("payment: paid on one person's word, told as an answer",
       answer("SUCCEEDED resolved_by_people", WAITING, "paypay.payment", "payment"),
       payment(WAITING, status="'payment_success'"), words="money has moved only"),
    _f("payment: reversed without an answer", payment(FREE, status="'reversed'"), words="money has moved only"),
    _f("payment: an invented state", payment(WAITING, status="'paid'"), words="no such step"),
    _f("payment: completed becomes unpaid", payment(FREE, status="'user_payment'"), words="no such step"),
    _f("payment: an invented certainty", payment(FREE, certainty="'sure'"), words="no such certainty"),
    _f("payment: another number of the provider's", payment(FREE, provider_payment_id="'x'"), words="set once"),
    _f("payment: another order", payment(COMPLETED, order_id="1"), words="stays with its order"),
    _f("payment: another price", payment(FREE, asked_minor="1")),
    _f("payment: another currency", payment(FREE, currency="'INR'")),
    _f("payment: another provider", payment(FREE, provider="'atom'")),
    _f("payment: begin as paid", payment_row(status="'completed'"), words="begins without money"),
    _f("payment: begin with money", payment_row(captured_minor="500"), words="begins without money"),
    _f("payment: of less than nothing", payment_row(asked_minor="-5"), words="a price is"),
    _f("payment: of no currency", payment_row(currency="'EUR'"), words="a price is"),
    _f("payment: without raising the version", payment(FREE, version="version", url="'x'"), words="raises the"),
    _f("payment: delete", f"DELETE FROM payments WHERE id = {FREE}"),
    _f("notice: change what was told", "UPDATE payment_events SET body = 'x'"),
    _f("notice: another payment's", f"UPDATE payment_events SET payment_id = {WAITING}", words="what was told"),
    _f("notice: delete", "DELETE FROM payment_events"),
    _f("limits: change", "UPDATE limits SET value = 10000000"),
    _f("limits: delete", "DELETE FROM limits"),
    _f("account: a higher limit", changed("accounts", 1, limit_minor="9999999")),
    _f("account: beyond its limit", changed("accounts", 1, balance_minor="9999999"), words="no more than its limit"),
    _f("account: below nothing", changed("accounts", 1, reserved_minor="-1"), words="no less than nothing"),
    _f("account: delete", "DELETE FROM accounts"),
    _f("set aside: another sum", changed("set_asides", 1, amount_minor="1")),
    _f("set aside: refunded without a refund", changed("set_asides", 1, status="'refunding'"),
       changed("set_asides", 1, status="'refunded'"), words="when its refund is completed"),
    _f("set aside: by somebody else's refund", changed("set_asides", 1, status="'refunding'", refund_id=str(ASKED)),
       words="of this very sum"),
    _f(
        "set aside: out of nothing",
        row("set_asides", payment_id=str(ASIDE), account_id="1", amount_minor="100", currency="'JPY'",
            status="'open'", created_at=UTC, changed_at=UTC),
        words="of its payment before",
    ),
    _f("set aside: delete", "DELETE FROM set_asides"),
    _f("order: paid by nothing", changed("orders", UNPAID, status="'paid'"), words="paid by a payment"),
    _f("order: cancelled becomes paid", changed("orders", CANCELLED, status="'paid'"), words="no such step"),
    _f("order: another sum", changed("orders", UNPAID, total_amount="1")),
    _f("order: delete", f"DELETE FROM orders WHERE id = {UNPAID}"),
)  # fmt: skip
CASES = (*REFUND_CASES, *MONEY_CASES)


def seed(team: Team) -> None:
    """Payments, refunds in every state, votes, an account and what was set aside of it; written by the owner."""
    other, lead = team.names["op-b"], team.names["lead-b"]
    with team.connect("owner") as owner, owner.cursor() as cursor:
        for statement in (*_payments(), *_refunds(other, lead), *_decisions(other, team.names["lead-c"]), *_rest()):
            cursor.execute(statement)


def _payments() -> list[str]:
    held = dict.fromkeys((*range(ASKED, SUBMITTED + 1), GONE, LATE, GIVEN_UP, VOTED), f"{SUM}, 0, 0")
    held |= {COMPLETED: f"0, {SUM}, 0", ASIDE: "0, 0, 400"}
    captured = {WAITING: 0, BIG: 2_000_000}
    columns = "id, order_id, provider, merchant_payment_id, provider_payment_id, status, currency, asked_minor"
    columns += ", captured_minor, reserved_minor, refunded_minor, set_aside_minor, created_at, changed_at"
    rows = []
    for number in (*range(ASKED, VOTED + 1), FREE, WAITING, ASIDE, BIG):
        state, theirs = ("user_payment", "NULL") if number == WAITING else ("completed", f"'pp-{number}'")
        sums = f"1000, {captured.get(number, 1000)}, {held.get(number, '0, 0, 0')}"
        order = CANCELLED if number == COMPLETED else "NULL"
        named = f"{number}, {order}, 'paypay', 'ORD-{number}', {theirs}"
        rows.append(f"({named}, '{state}', 'JPY', {sums}, {UTC}, {UTC})")
    return [f"INSERT INTO payments ({columns}) VALUES {', '.join(rows)}"]


def _refunds(other: str, lead: str) -> list[str]:
    key = {"provider_refund_key": "'RFD-{0}'", "sent_count": "1", "first_sent_at": UTC, "last_sent_at": UTC,
           "operation_id": "'op-r{0}'"}  # fmt: skip
    unknown = {"status": "'submitting'", "certainty": "'unknown'"} | key
    by_number: dict[int, dict[str, str]] = {
        ASKED: {},
        OWN: {"maker": f"'{lead}'"},
        TWO: {"checkers_needed": "2"},
        APPROVED: {"status": "'approved'"},
        COOLING: {"status": "'approved'", "sends_after": f"{UTC} + INTERVAL 1 HOUR"},
        SENDING: unknown,
        SUBMITTED: {"status": "'submitted'", "refund_txn_id": "'t7'"} | key,
        COMPLETED: {"status": "'completed'", "refund_txn_id": "'t8'", "order_id": str(CANCELLED)} | key,
        FAILED: {"status": "'failed'"} | key,
        DECLINED: {"status": "'rejected'", "declined_because": "'no'"},
        GONE: {"maker": "'gone'"},
        LATE: {"decide_by": f"{UTC} - INTERVAL 1 HOUR"},
        GIVEN_UP: unknown,
        VOTED: {},
    }
    seeded = []
    for number, values in by_number.items():
        told = {name: value.format(number) for name, value in values.items()}
        seeded.append(refund_row(number, **({"id": str(number), "maker": f"'{other}'"} | told)))
    return [f"INSERT INTO operators (name, roles, disabled_at) VALUES ('gone', 'operator', {UTC})", *seeded]


def _decisions(other: str, lead: str) -> list[str]:
    votes = [vote(number, f"'{lead}'") for number in (APPROVED, COOLING, SENDING, SUBMITTED, COMPLETED, VOTED)]
    given_up = (proof(GIVEN_UP, other), proposal(GIVEN_UP).format(me=other))
    reversed_ = (proof(BIG, other, "payment"), proposal(BIG, "reversed", "payment").format(me=other))
    return [*votes, *given_up, *reversed_]


def _rest() -> list[str]:
    order = {"merch_txn_id": "'ORD-1'", "total_amount": "1000", "status": "'pending'"}
    return [
        row("orders", id=str(UNPAID), **order),
        row("orders", id=str(CANCELLED), **(order | {"merch_txn_id": "'ORD-2'", "status": "'cancelled'"})),
        row("accounts", id="1", corporation_number="'1180301018771'", currency="'JPY'", limit_minor="600",
            balance_minor="600"),
        row("set_asides", id="1", payment_id=str(ASIDE), account_id="1", amount_minor="400", currency="'JPY'",
            status="'open'", created_at=UTC, changed_at=UTC),
        row("payment_events", source="'bank'", event_id="'e1'", payment_id=str(FREE), kind="'payment.succeeded'",
            received_at=UTC, done="'booked'", body="''"),
    ]  # fmt: skip
