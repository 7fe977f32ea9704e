"""Tests of the moments and the number of the calls to AlarmBox (requirements 6 and 13), observed at the HTTP
transport.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import timedelta
from typing import Any

import pytest

from console.app import Console
from console.domain.access.permissions import APPROVER, OPERATOR
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, Person, PurchaseRequest
from console.providers.http.transport import HttpTransport
from console.sandbox.server import Sandbox
from tests.support.desks import CORPORATION_NUMBERS, MovedClock
from tests.support.in_memory_alarmbox import InMemoryAlarmBox, OpenTransactionCounter
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock, use_lease_clock
from tests.support.refusals import call_for_refusal

TIMEOUT_COUNT = 20  # `tests/soak/demands.py` makes 1,000
FIRST_NUMBER, SECOND_NUMBER = CORPORATION_NUMBERS[:2]


class TransportObserver:
    """An observer of every HTTP request of the program. `violations` names the requests that were sent with an
    open transaction or before the claim was committed.
    """

    def __init__(self, patch: pytest.MonkeyPatch, place: Place) -> None:
        """Observe the HTTP transport from now on."""
        self.sent: Counter[str] = Counter()
        self.open: OpenTransactionCounter | None = None
        self.violations: list[str] = []
        self._place = place
        send = HttpTransport.send

        def record_and_send(transport: HttpTransport, method: str, path: str, *rest: Any, **named: Any) -> Any:
            self._record_request(method, path)
            return send(transport, method, path, *rest, **named)

        patch.setattr(HttpTransport, "send", record_and_send)

    def _record_request(self, method: str, path: str) -> None:
        """Count the request, and add it to `violations` if it is sent with an open transaction, or if it is a
        purchase whose claim isn't committed."""
        self.sent[method] += 1
        if self.open is not None and self.open.count:
            self.violations.append(f"{method} {path}: {self.open.count} transactions open")
        if method == "POST" and "oauth" not in path and not self._is_claim_committed():
            self.violations.append(f"{method} {path}: nothing committed yet")

    def _is_claim_committed(self) -> bool:
        """Return True if another database connection can read the journal row and the spool has the intent."""
        if self._place.sql("SELECT count(*) FROM operations WHERE state = 'calling'")[0][0] < 1:
            return False
        with closing(sqlite3.connect(self._place.first_desk_home / "desk.db")) as desk:
            return bool(desk.execute("SELECT count(*) FROM intents WHERE state = 'calling'").fetchone()[0])


@pytest.mark.engines("sqlite", "mariadb", "galera")
def test_no_call_is_sent_inside_a_transaction(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program sends each kind of call to AlarmBox without an open database transaction, and sends a purchase only
    after its claim is committed.
    """
    wire = TransportObserver(monkeypatch, place)
    clock = MovedClock()
    with Sandbox() as sandbox, place.open_desk(sandbox, clock, ALARMBOX_FIND_PURCHASES="1") as console:
        sandbox.control.change_settings(offers_purchase_list=True)
        wire.open = OpenTransactionCounter(console.database)
        _send_every_call(console, sandbox, clock, place)
        call_names = {entry["call"] for entry in sandbox.control.read_requests()}
    summary = (
        f"{len(wire.violations)} of {wire.sent.total()} provider calls with an open transaction or before COMMIT"
    )
    print(f"demand 6: {place.engine}: {summary}")
    assert call_names == {"token", "purchase", "detail", "pdf", "list"}
    assert wire.violations == []


def _send_every_call(console: Console, sandbox: Sandbox, clock: MovedClock, place: Place) -> None:
    """Perform a purchase, re-fetch, probe, decision, renewal without an answer and due tasks, so that each kind of
    call to AlarmBox is sent.
    """
    record = console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1"))
    console.credit_checks.refetch(record.id)
    console.credit_checks.probe(record.id)
    for fault in ("close_after_charge", "token_expired"):
        sandbox.control.add_fault(fault, call="purchase", number=SECOND_NUMBER)
    unknown = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(SECOND_NUMBER, "1"))).detail[
        "record"
    ]
    assert isinstance(unknown, CreditCheck)
    (charge,) = sandbox.control.read_ledger(SECOND_NUMBER)["entries"]
    console.recovery.resolve("credit-check", unknown.id, "success", "seen on their screen", int(charge["id"]))
    sandbox.control.add_fault("close_after_charge", call="purchase", number=FIRST_NUMBER)
    clock.offset += timedelta(days=400)
    place.move_lease_clock(timedelta(days=400))
    sandbox.control.change_settings(today=clock.now().date().isoformat())
    lost = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1", renew=True)))
    assert lost.code == "outcome_unknown"
    clock.offset += timedelta(minutes=5)
    console.recovery.run_all_tasks()


# Demand 13


def count_resends_after_time_outs(place: Place, count: int, seed: int = 13) -> int:
    """Make `count` purchases that get no answer, and try every action on each of their records. Return how many
    purchase calls the program sent again.
    """
    clock, alarmbox = ManualClock(), InMemoryAlarmBox()
    alarmbox.today = clock.today
    with use_lease_clock(clock), place.desk(alarmbox, clock) as console:
        for i, number in enumerate(invent_numbers(count, seed)):
            alarmbox.behaviour = "silent_after_charge" if i % 2 else "silent_before_charge"
            call_for_refusal(lambda n=number: console.credit_checks.purchase(PurchaseRequest(n, "1")))
            _try_every_action(console, clock, number)
        return alarmbox.call_counts["check"] - count


def test_a_time_out_is_never_sent_again(place: Place) -> None:
    """If a purchase got no answer, none of the later actions on its record sends the purchase call again."""
    again = count_resends_after_time_outs(place, TIMEOUT_COUNT)
    print(f"demand 13: {place.engine}: {again} re-sends after {TIMEOUT_COUNT} time-outs")
    assert again == 0


def _try_every_action(console: Console, clock: ManualClock, number: str, *, renew: bool = True) -> None:
    """Try every action on the record of this number, two days apart, and ignore refusals. With `renew` one of the
    actions is a renewal, otherwise a second purchase.
    """
    (record,) = console.lookup.find_records(number).credit_checks
    attempts: tuple[Callable[[], object], ...] = (
        lambda: console.credit_checks.purchase(PurchaseRequest(number, "1")),
        lambda: console.credit_checks.purchase(PurchaseRequest(number, "1", renew=renew)),
        lambda: console.credit_checks.probe(record.id),
        lambda: console.credit_checks.refetch(record.id),
        lambda: console.recovery.probe("operation", record.operation_id or ""),
        lambda: console.recovery.run_all_tasks(),
    )
    for attempt in attempts:
        clock.at += timedelta(days=2)
        with suppress(ConsoleError):
            attempt()


def test_only_a_purchase_sends_the_purchase_call(place: Place) -> None:
    """After a credit check has been bought, a re-fetch of its detail, its PDF or both, and every other action on the
    record, send no purchase call.
    """
    clock, alarmbox = ManualClock(), InMemoryAlarmBox(lists_purchases=True)
    alarmbox.today = clock.today
    with use_lease_clock(clock), place.desk(alarmbox, clock) as console:
        bought = console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1"))
        for detail, pdf in ((True, True), (True, False), (False, True)):
            with suppress(ConsoleError):
                console.credit_checks.refetch(bought.id, detail=detail, pdf=pdf)
        _try_every_action(console, clock, FIRST_NUMBER, renew=False)
        assert alarmbox.call_counts["check"] == 1
        assert not hasattr(alarmbox.make_reader(), "buy_check")


def test_a_number_is_bought_again_only_after_two_people_decide_with_evidence(place: Place) -> None:
    """A corporation number with an unknown purchase can be bought again only after two people have decided with
    evidence that nothing was bought. The first person can't be the second one, also not with another spelling of
    the name, and neither can another operator: the second person must be an approver.
    """
    clock, alarmbox = ManualClock(), InMemoryAlarmBox(behaviour="silent_before_charge")
    alarmbox.today = clock.today
    with use_lease_clock(clock), place.desk(alarmbox, clock) as console:
        for name, role in {"op-a": OPERATOR, "op-b": OPERATOR, "lead-b": APPROVER}.items():
            if not place.is_server:  # a server has these accounts already
                console.people.add_person(Person(name, frozenset({role}), may_buy=True))
        record = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1"))).detail[
            "record"
        ]
        assert isinstance(record, CreditCheck)

        def resolve_as_error(evidence: str, acting_console: Console = console) -> object:
            return acting_console.recovery.resolve("credit-check", record.id, "error", evidence)

        assert call_for_refusal(lambda: resolve_as_error("")).code == "no_evidence"
        resolve_as_error("their list is empty")
        for name in ("op-a", "OP-A", " op-a "):
            with console.acting_as(name):
                assert call_for_refusal(lambda: resolve_as_error("again")).code in ("same_person", "not_allowed")
        assert (
            call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1"))).code
            == "already_purchased"
        )
        with place.open_console_of_person(console, "op-b") as other:
            refused = call_for_refusal(lambda: resolve_as_error("not on the bill", other))
            assert (refused.code, refused.detail["reason"]) == ("not_allowed", "role")
        with place.open_console_of_person(console, "lead-b") as other:
            resolve_as_error("not on the bill", other)
        stored_evidence = [
            item for item in console.credit_checks.read_credit_check(record.id).evidence if item.source == "person"
        ]
        assert [item.who for item in stored_evidence] == [
            place.get_account_name("op-a"),
            place.get_account_name("lead-b"),
        ]
        alarmbox.behaviour = "answers"
        assert console.credit_checks.purchase(PurchaseRequest(FIRST_NUMBER, "1")).state == "success"
