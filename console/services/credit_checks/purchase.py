"""Buying credit checks under guard, and everything one record's screen needs."""

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection

from console.domain.corporation_number import InvalidCorporationNumber, parse
from console.domain.errors import ConsoleError
from console.domain.outcomes import Outcome, OutcomeClass
from console.domain.records import CheckReport, CreditCheck, PurchaseRequest
from console.domain.results import PurchasePlan, RefetchResult
from console.services import fitness, reading, refusals, remembered, settling
from console.services.completion import Completion
from console.services.described import Claimed, Guarded, Subject, Unrecorded, error_code
from console.services.desk import Desk
from console.services.guarded import Guard
from console.services.lookup import Lookup
from console.services.vendors import Vendors
from console.store import credit_checks, journal, leases, looks
from console.store.engine import Transaction

ACTION = "credit-check.purchase"
PROVIDER = "alarmbox"
DEALS = (1, 2, 9)
REASONS = (1, 2, 3, 4, 9)
LONGEST_COMMENT = 500
Progress = Callable[[str], None]
_log = logging.getLogger("console.guard")


def _silent(_step: str) -> None:
    """Progress that nobody watches."""


class CreditChecks:
    """Credit checks as people handle them. Safe from any thread."""

    def __init__(self, desk: Desk, guard: Guard, vendors: Vendors, completion: Completion, lookup: Lookup) -> None:
        self._desk = desk
        self._lookup = lookup
        self._guard = guard
        self._vendors = vendors
        self._completion = completion

    def plan(self, number: str) -> PurchasePlan:
        """What a person should see before buying: facts of this moment, nothing reserved."""
        value = self.number(number)
        desk = self._desk
        with desk.database.read() as conn:
            records = credit_checks.by_number(conn, value, journal.lapsed_subjects(conn))
            running = [h for h in leases.holders(conn) if h.name.startswith("alarmbox_credit_check_")]
        live = tuple(record for record in records if record.live)
        past = [record for record in records if not record.live]
        renewable = [r for r in live if r.expired_at is not None and r.expired_at <= desk.now()]
        return PurchasePlan(
            corporation_number=value,
            clients=tuple(sorted(desk.settings.clients or (), key=int)),
            live=live,
            last=past[0] if past else None,
            running=running[0] if running else None,
            renewal=bool(renewable),
            read_at=desk.now(),
        )

    def purchase(self, request: PurchaseRequest, progress: Progress | None = None) -> CreditCheck:
        """Buy one credit check, at most once whatever happens.

        Returns the bought record, complete or not. Raises ConsoleError: invalid_corporation_number,
        unknown_client, not_allowed, already_purchased (detail.record), not_expired, lease_timeout,
        outcome_unknown (detail.record), provider_refused and its like, provider_unreachable.
        """
        checked = self._validated(request)
        report = progress or _silent
        asked = {"client": checked.client_id, "number": checked.corporation_number}
        with refusals.audited(self._desk, ACTION, None, asked):
            self._desk.require("purchase")
            fitness.require(self._desk, PROVIDER)
            vendor = self._vendors.buyer()
            # Without the key an answer that the database can't take could not be kept: refused before sending.
            self._desk.spool.unlock(self._desk.cipher)
            try:
                claimed, outcome = self._guard.run(self._guarded(checked, vendor.check), report)
            except Unrecorded as lost:
                lost.detail["record"] = remembered.record(lost.claimed, None)
                raise
        if outcome.kind is OutcomeClass.SUCCEEDED:
            self._completion.follow_up(claimed.subject.id, report)
        return self._ended(claimed, outcome)

    def refetch(
        self, record_id: int, *, detail: bool = True, pdf: bool = True, saw: int | None = None,
        progress: Progress | None = None,
    ) -> RefetchResult:  # fmt: skip
        """Read detail and PDF of a bought check again. Costs nothing and can't buy."""
        return self._completion.refetch(record_id, detail=detail, pdf=pdf, saw=saw, progress=progress or _silent)

    # Validation

    def number(self, text: str) -> str:
        """The checked number. Raises invalid_corporation_number as a lookup does."""
        try:
            return parse(text, dummies=self._desk.settings.test_numbers).value
        except InvalidCorporationNumber as invalid:
            invalid.detail["candidates"] = list(self._lookup.neighbours(text))
            raise

    def _validated(self, request: PurchaseRequest) -> PurchaseRequest:
        number = self.number(request.corporation_number)
        if not self._desk.settings.knows_client(request.client_id):
            known = sorted(self._desk.settings.clients or (), key=int)
            raise ConsoleError("unknown_client", {"client_id": request.client_id[:40], "clients": known})
        if request.deal is not None and request.deal not in DEALS:
            raise ConsoleError("usage", {"problem": "deal", "allowed": list(DEALS)})
        if not set(request.reasons) <= set(REASONS):
            raise ConsoleError("usage", {"problem": "reason", "allowed": list(REASONS)})
        if request.comment is not None and len(request.comment) > LONGEST_COMMENT:
            raise ConsoleError("usage", {"problem": "comment", "longest": LONGEST_COMMENT})
        return PurchaseRequest(
            number,
            request.client_id,
            request.deal,
            tuple(sorted(set(request.reasons))),
            request.comment,
            request.renew,
        )

    # The pipeline's steps for a purchase

    def _guarded(
        self, request: PurchaseRequest, call: Callable[[PurchaseRequest], Outcome[CheckReport]]
    ) -> Guarded[CheckReport]:
        desk = self._desk
        asked_at = desk.now()
        return Guarded(
            action=ACTION,
            lease=f"alarmbox_credit_check_{request.client_id}" if desk.settings.leases else None,
            waits=True,
            effect=True,
            check=lambda conn: self._refuse_hopeless(conn, request, asked_at),
            claim=lambda tx, operation_id: self._claim(tx, request, operation_id, asked_at),
            call=lambda _subject: call(request),
            record=lambda tx, subject, outcome: settling.record_outcome(
                desk, tx, subject.id, outcome, self._vendors.capabilities()
            ),
            deliver=lambda operation_id, outcome: settling.deliver(
                desk, operation_id, outcome, self._vendors.capabilities()
            ),
        )

    def _refuse_hopeless(self, conn: Connection, request: PurchaseRequest, asked_at: datetime) -> None:
        """What can't succeed: a live row, a renewal too early or overtaken, a claim that only this desk remembers."""
        client, number = request.client_id, request.corporation_number
        live = credit_checks.live(conn, client, number)
        if live is not None:
            seen = looks.record(conn, live.id) or live
            self._refuse_live(seen, request.renew, asked_at)
        for intent in self._desk.spool.standing(self._desk.database_id, client, number):
            if credit_checks.of_operation(conn, number, intent.operation_id) is None:
                detail = {"source": "desk", "operation_id": intent.operation_id, "operator": intent.operator}
                raise ConsoleError("already_purchased", {**detail, "since": intent.at})

    def _refuse_live(self, live: CreditCheck, renew: bool, asked_at: datetime) -> None:
        if not renew or live.state.value != "success":
            raise ConsoleError("already_purchased", {"record": live})
        if live.expired_at is None or live.expired_at > self._desk.now():
            # Written since we asked: another renewal was faster. The code alone depends on these clocks.
            overtaken = live.changed_at is not None and live.changed_at >= asked_at
            facts = {"record": live, "expired_at": live.expired_at}
            raise ConsoleError("already_purchased" if overtaken else "not_expired", facts)

    @credit_checks.runs_again()
    def _claim(self, tx: Transaction, request: PurchaseRequest, operation_id: str, asked_at: datetime) -> Subject:
        """The row that the unique index admits once; a renewal first takes the claim from the old one."""
        desk, now = self._desk, self._desk.now()
        client, number = request.client_id, request.corporation_number
        old = credit_checks.live(tx.conn, client, number) if request.renew else None
        if old is not None:
            # On a server it need not be the row that was checked: another renewal may have come between.
            self._refuse_live(old, request.renew, asked_at)
            credit_checks.change(tx.conn, old, now, superseded_at=leases.naive(now))
        record_id = credit_checks.insert_pending(tx.conn, client, number, operation_id, now, old.id if old else None)
        if old is not None:
            replaced = credit_checks.find(tx.conn, old.id)
            if replaced is not None:
                credit_checks.change(tx.conn, replaced, now, superseded_by=record_id)
            desk.note(tx, "credit-check.superseded", old.id, {"by": record_id})
        key = _digest(["v1", ACTION, client, number, record_id])
        return Subject(credit_checks.KIND, record_id, client, number, key, _digest(asdict(request)))

    # Endings

    def _ended(self, claimed: Claimed, outcome: Outcome[CheckReport]) -> CreditCheck:
        """The outcome is recorded: a database that is lost only now changes nothing about it."""
        try:
            record = reading.current(self._desk, claimed.subject.id)
        except Exception:
            _log.warning("credit check %s can't be read after its purchase", claimed.subject.id, exc_info=True)
            record = remembered.record(claimed, outcome)
        if outcome.kind is OutcomeClass.SUCCEEDED or record.state.value == "success":
            return record
        raise ConsoleError(
            error_code(outcome), {"record": record, "reason": outcome.reason, "status": outcome.status}
        )


def _digest(facts: object) -> str:
    """A short fingerprint of canonical facts."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
