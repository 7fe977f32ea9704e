"""Tests that count the statements and packets which a guarded purchase sends to its database (decision 0056)."""

from threading import Event

import pytest

from console.domain.records import PurchaseRequest
from console.store.operations import leases
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.sent_statements import record_executions, record_packets, record_statements
from tests.support.waiting import MAX_WAIT_SECONDS

MAX_ROUND_TRIPS_BY_ENGINE = {"sqlite": 17, "mariadb": 18, "mysql": 18}
"""Largest number of statements of a purchase, by engine. COMMIT is counted for servers only. A further statement
makes each purchase slower and needs a decision.
"""
MAX_EXECUTIONS_BY_SQLALCHEMY = {"sqlite": 4, "mariadb": 4, "mysql": 4}
"""Largest number of statements of a purchase that SQLAlchemy executes, by engine. The others are handed to the driver
by `execute_compiled`, which needs less processor time. On SQLite one of them is sent only if the table `operators` is
empty.
"""
MAX_PACKET_COUNT = 10
"""Largest number of packets to a MariaDB server in a purchase. Each packet is a round trip."""


@pytest.mark.engines("sqlite", "mariadb")
def test_renewals_of_leases_are_not_counted(place: Place, alarmbox: InMemoryAlarmBox) -> None:
    """Statements that renew a lease aren't counted, because on a slow machine they can occur at any time."""
    with place.desk(alarmbox) as desk:
        heartbeat, renewed = desk._context.heartbeat, Event()

        def renew_lease() -> None:
            desk.database.write(lambda tx: leases.list_holders(tx.conn))
            renewed.set()

        with record_statements(desk) as sent:
            heartbeat.add_beat("a lease", renew_lease)
            assert renewed.wait(MAX_WAIT_SECONDS)
            heartbeat.remove_beat("a lease")
        assert sent == []


@pytest.mark.engines("sqlite", "mariadb")
def test_a_purchase_sends_few_statements(place: Place, alarmbox: InMemoryAlarmBox) -> None:
    """Until a purchase is recorded, it sends only a limited number of statements and packets to the database. The
    later download of the detail and the PDF isn't counted.
    """
    with place.desk(alarmbox) as desk:
        desk._action_builders.credit_checks.refetch_service.fetch_parts_after_purchase = lambda *_: None  # type: ignore[method-assign]  # just here
        first, second, third = invent_numbers(3, seed=56)
        desk.credit_checks.purchase(PurchaseRequest(first, "1"))  # connects
        with record_statements(desk) as sent, record_packets() as packets:
            bought = desk.credit_checks.purchase(PurchaseRequest(second, "1"))
        with record_statements(desk) as sent_with_id:
            desk.credit_checks.purchase(PurchaseRequest(third, "1"), request_id="third")
    tied = [statement for statement in sent_with_id if statement.startswith("UPDATE request_ids SET subject_kind")]
    assert len(tied) == 1, "the first transaction stores record and operation by one statement"
    assert bought.state == "success"
    print(f"{place.engine}: {len(sent)}")
    assert len(sent) <= MAX_ROUND_TRIPS_BY_ENGINE[place.engine], "\n".join(sent)
    assert len(packets) <= (MAX_PACKET_COUNT if place.engine == "mariadb" else len(sent))
    for packet in packets:
        assert b"COMMIT" not in packet or len(packet) == 1, "before COMMIT, the answers are read"


def test_most_statements_of_a_purchase_are_compiled_once(place: Place, alarmbox: InMemoryAlarmBox) -> None:
    """Only the queries with many columns, and those whose values SQLAlchemy converts, are executed by SQLAlchemy. All
    others are handed to the driver as SQL that was compiled once (decision 0162).
    """
    with place.desk(alarmbox) as desk:
        desk._action_builders.credit_checks.refetch_service.fetch_parts_after_purchase = lambda *_: None  # type: ignore[method-assign]  # just here
        first, second = invent_numbers(2, seed=162)
        desk.credit_checks.purchase(PurchaseRequest(first, "1"))  # connects
        with record_statements(desk) as sent, record_executions(desk) as executed:
            desk.credit_checks.purchase(PurchaseRequest(second, "1"))
    print(f"{place.engine}: {len(executed)}")
    assert 0 < len(executed) <= MAX_EXECUTIONS_BY_SQLALCHEMY[place.engine], "\n".join(executed)
    assert not any(statement.startswith(("INSERT", "UPDATE")) for statement in executed)
    assert len(sent) > 3 * len(executed)
