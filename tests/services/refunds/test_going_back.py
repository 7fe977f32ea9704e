"""Refunds on a database that went back in time: the provider gives the money back once, whoever asks again."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.domain.payments.states import RefundState
from console.sandbox import SandboxControl
from tests.support.refund_desks import RefundDesk, code_of, refund_desk, refusal_of

pytestmark = pytest.mark.expects_log("a loss is an error in the log")


@pytest.fixture
def backup(home: Path) -> Path:
    return home.parent / "backup.db"


def taken(home: Path, backup: Path) -> None:
    with closing(sqlite3.connect(home / "console.db", isolation_level=None)) as conn:
        conn.execute(f"VACUUM INTO '{backup}'")


def put_back(home: Path, backup: Path, *, desk_too: bool) -> None:
    """The database as it was; with `desk_too` nobody remembers anything: the desk that sent it is another one."""
    for side in ("-wal", "-shm"):
        (home / f"console.db{side}").unlink(missing_ok=True)
    shutil.copy(backup, home / "console.db")
    if desk_too:
        for part in home.glob("desk.db*"):
            part.unlink()


@pytest.mark.parametrize("provider", ["paypay", "atom"])
def test_asked_for_again_it_is_answered_by_its_key(
    home: Path, control: SandboxControl, backup: Path, provider: str
) -> None:
    """Nobody knows of the first one: the same sum again makes the same key, and the gateway's own refund is found."""
    with refund_desk(home, control) as desk:
        payment = desk.paid("ORD1", 50_000, provider)
        taken(home, backup)
        first = desk.approve(desk.ask(payment, "100"))
        assert first.state in (RefundState.SUBMITTED, RefundState.COMPLETED)
    put_back(home, backup, desk_too=True)
    with refund_desk(home, control) as desk:
        second = desk.approve(desk.ask(payment, "100"))
        assert second.provider_refund_key == first.provider_refund_key
        assert desk.keys_at(payment) == [first.provider_refund_key]


def test_another_sum_waits_for_a_person(home: Path, control: SandboxControl, backup: Path) -> None:
    """What the gateway has given back and nobody here knows of stops the next one: a case, then a person's word."""
    with refund_desk(home, control) as desk:
        payment = desk.paid()
        taken(home, backup)
        first = desk.approve(desk.ask(payment, "1000"))
    put_back(home, backup, desk_too=True)
    with refund_desk(home, control) as desk:
        refund = desk.ask(payment, "500")
        refusal = refusal_of(lambda: desk.approve(refund))
        assert (refusal.code, refusal.detail["reason"]) == ("not_allowed", "unknown_refund")
        assert desk.keys_at(payment) == [first.provider_refund_key]
        (case,) = [one for one in desk.console.alerts.list_alerts() if one.rule_id == "unknown_refund"]
        with desk.console.acting_as("lead-b"):
            desk.console.alerts.acknowledge(case.id, "sent before the backup was put back")
        desk.approve(refund)
        assert len(desk.keys_at(payment)) == 2


def test_where_it_is_known_everything_waits(home: Path, control: SandboxControl, backup: Path) -> None:
    """The desk that sent it stops approvals; afterwards the payment is held until its operation is settled."""
    with refund_desk(home, control) as desk:
        payment = desk.paid()
        taken(home, backup)
        sent = desk.approve(desk.ask(payment, "1000"))
    put_back(home, backup, desk_too=False)
    with refund_desk(home, control) as desk:
        (alert,) = [one for one in desk.console.alerts.list_alerts() if one.rule_id == "database_went_back"]
        with desk.console.acting_as("lead-b"):
            desk.console.alerts.acknowledge(alert.id, "restored on purpose")
        refused = refusal_of(lambda: desk.ask(payment, "500"))
        assert (refused.code, refused.detail["source"]) == ("in_progress", "desk")
        assert refused.detail["operation_id"] == sent.operation_id
    for part in home.glob("desk.db*"):
        part.unlink()
    with refund_desk(home, control) as desk:  # another desk: it hears of it from the database
        assert code_of(lambda: desk.ask(payment, "500")) == "in_progress"
        assert desk.keys_at(payment) == [sent.provider_refund_key]


def test_one_person_alone_frees_nothing_that_was_lost(home: Path, control: SandboxControl, backup: Path) -> None:
    """A proposal that its person closed by hand, with a plain client, is no decision of two people."""
    with refund_desk(home, control) as desk:
        payment = desk.paid()
        taken(home, backup)
        sent = desk.approve(desk.ask(payment, "1000"))
    put_back(home, backup, desk_too=False)
    with refund_desk(home, control) as desk:  # the desk that sent it tells the database
        (alert,) = [one for one in desk.console.alerts.list_alerts() if one.rule_id == "database_went_back"]
        with desk.console.acting_as("lead-b"):
            desk.console.alerts.acknowledge(alert.id, "restored on purpose")
    for part in home.glob("desk.db*"):
        part.unlink()
    operation = sent.operation_id or ""
    with refund_desk(home, control) as desk:
        with desk.console.acting_as("op-a"):
            assert desk.console.recovery.resolve("operation", operation, "failed", "not on their list").awaiting
        with closing(sqlite3.connect(home / "console.db", isolation_level=None)) as conn:
            conn.execute("UPDATE approvals SET closed_at = at WHERE subject_kind = 'operation'")
        assert code_of(lambda: desk.ask(payment, "500")) == "in_progress"
        for person in ("op-a", "lead-b"):
            with desk.console.acting_as(person):
                desk.console.recovery.resolve("operation", operation, "failed", "not on their list")
        assert code_of(lambda: desk.ask(payment, "500")) == "done"


def test_what_failed_gives_the_next_one_another_key(desk: RefundDesk, control: SandboxControl) -> None:
    """The gateway's no is for good under that key: the next attempt is the next repeat."""
    payment = desk.paid()
    control.add_fault("result:TRANSACTION_FAILED", call="paypay_refund", times=1)
    first = desk.ask(payment, "1000")
    code_of(lambda: desk.approve(first))
    assert desk.now(first).state is RefundState.FAILED
    second = desk.approve(desk.ask(payment, "1000", intended_repeat=True))
    assert second.provider_refund_key not in (None, desk.now(first).provider_refund_key)
