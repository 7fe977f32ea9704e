"""Tests of a late answer that is delivered while another desk writes the same record: the desk applies the answer
again and doesn't refuse it.
"""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from console.domain.records import CreditCheck, PurchaseRequest
from console.store.credit_checks import credit_checks
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

(CORPORATION_NUMBER,) = invent_numbers(1)


@pytest.mark.engines("mariadb", "galera")
@pytest.mark.expects_log("what the database could not take is told")
def test_a_late_answer_that_loses_a_race_is_applied_again(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another desk changes the row twice between the read and the write of a delivery. The first delivery still
    settles the record, and the audit trail has no undelivered answer.
    """
    read, times = credit_checks.find, 2
    with (
        place.desk(alarmbox, hand_clock, FAILPOINT="before_tx2:1:raise") as console,
        place.desk(alarmbox, hand_clock, person="lead-b", desk=1) as other,
    ):
        lost = call_for_refusal(lambda: console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, "1")))
        assert lost.code == "outcome_unknown"

        def read_and_let_other_desk_change(conn: Connection, *which: Any) -> CreditCheck | None:
            """Read the record; after each of the first two reads, let the other desk change the row."""
            nonlocal times
            record = read(conn, *which)
            if times and record is not None:
                times -= 1
                values = credit_checks.make_work_values(record.work)
                now = hand_clock.now() + timedelta(seconds=1)
                other.database.write(lambda tx: credit_checks.change_record(tx.conn, record, now, **values))
            return record

        with monkeypatch.context() as racing:
            racing.setattr(
                "console.services.credit_checks.outcomes.credit_checks.find", read_and_let_other_desk_change
            )
            assert console.recovery.run_all_tasks()
        assert times == 0
        (record,) = console.lookup.find_records(CORPORATION_NUMBER).credit_checks
        assert (record.state, record.certainty, len(alarmbox.charges)) == ("success", "known", 1)
        rows = place.sql("SELECT COUNT(*) FROM audit_log WHERE what = 'operation.undelivered'")
        assert rows == [(0,)]
