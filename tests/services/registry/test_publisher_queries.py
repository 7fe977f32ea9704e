"""Tests of queries to the registry's publisher: a corporation number that the desk's registry lacks is queried once,
and only by a desk with an application id.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import text

from console.app import Console
from console.domain.errors import ConsoleError, ErrorCode
from console.sandbox import Sandbox
from console.sandbox.environment.credentials import REGISTRY_APPLICATION_ID
from console.sandbox.registry import close_company, make_company_row, write_whole_file
from console.sandbox.registry.rows import add_check_digit
from console.services.process.context import act_as
from console.services.registry.publisher_queries import (
    QUERY_PAUSE_AFTER_FAILURE_SECONDS,
    REGISTRY_ANSWER_LIFETIME_SECONDS,
)
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import ManualClock, open_quick_desk

WHOLE_FILE_DAY, DIFFERENCE_DAY = date(2026, 11, 13), date(2026, 11, 16)
KNOWN_NUMBER, NEW_NUMBER, UNASSIGNED_NUMBER = (
    "1180301018771",
    add_check_digit("980000000001"),
    add_check_digit("980000000002"),
)


@pytest.fixture
def desk(
    home: Path, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, sandbox: Sandbox, tmp_path: Path
) -> Iterator[Console]:
    """Yield a desk with a registry and an application id. One corporation is newer than the registry's file."""
    facts = {"REGISTRY_URL": sandbox.url, "SECRET_REGISTRY_APPLICATION_ID": REGISTRY_APPLICATION_ID}
    published_rows = [make_company_row(KNOWN_NUMBER, "架空商事株式会社")]
    sandbox.registry.publish_whole(5, 1, WHOLE_FILE_DAY, published_rows)
    sandbox.registry.publish_difference(
        DIFFERENCE_DAY, 0, [close_company(make_company_row(NEW_NUMBER, "見本物産合同会社"), DIFFERENCE_DAY)]
    )
    with closing(open_quick_desk(home, alarmbox, hand_clock, **facts)) as console:
        console.registry.import_files([write_whole_file(tmp_path, WHOLE_FILE_DAY, 5, 1, first_rows=published_rows)])
        yield console


def count_queries(sandbox: Sandbox) -> int:
    """Return the number of queries that the simulated publisher has received."""
    return len(sandbox.control.read_requests("registry_num"))


def test_only_numbers_missing_in_the_registry_are_queried(
    desk: Console, sandbox: Sandbox, hand_clock: ManualClock
) -> None:
    """A corporation number that the registry lacks is queried once, and again only after
    REGISTRY_ANSWER_LIFETIME_SECONDS; a number that the registry has is not queried.
    """
    known = desk.registry.find_corporation(KNOWN_NUMBER)
    assert known is not None
    assert count_queries(sandbox) == 0
    facts = desk.registry.read_facts(NEW_NUMBER)
    assert facts is not None
    assert facts.corporation is not None
    assert (facts.corporation.name, facts.purchase_warning) == ("見本物産合同会社", "closed")
    assert facts.registry_date == date(2026, 11, 20)  # the day on which the publisher was asked
    looked_up = desk.lookup.find_records(NEW_NUMBER)
    assert looked_up.corporation == facts
    assert count_queries(sandbox) == 1
    for _ in range(2):
        assert desk.registry.find_corporation(UNASSIGNED_NUMBER) is None
    assert count_queries(sandbox) == 2
    hand_clock.sleep(REGISTRY_ANSWER_LIFETIME_SECONDS)
    assert desk.registry.find_corporation(UNASSIGNED_NUMBER) is None
    assert count_queries(sandbox) == 3


@pytest.mark.parametrize("fault", ["status:500", "status:404", "reset"])
def test_an_unreachable_publisher_is_not_called_for_a_while(
    desk: Console, sandbox: Sandbox, hand_clock: ManualClock, fault: str
) -> None:
    """After a failed query to the registry's publisher, the desk sends no further query for a while."""
    sandbox.control.add_fault(fault, call="registry_num", times=1)
    for _ in range(3):
        facts = desk.registry.read_facts(NEW_NUMBER)
        assert facts is not None
        assert (facts.corporation, facts.registry_date) == (None, WHOLE_FILE_DAY)
    assert count_queries(sandbox) == 1
    hand_clock.sleep(QUERY_PAUSE_AFTER_FAILURE_SECONDS)
    assert desk.registry.find_corporation(NEW_NUMBER) is not None


def test_a_person_without_the_right_to_read_causes_no_query(desk: Console, sandbox: Sandbox) -> None:
    """A number that a person may not look up isn't sent to the registry's publisher."""
    insert_operator = text("INSERT INTO operators (name, roles, may_buy) VALUES ('adm-f', 'admin', 0)")
    desk.database.write(lambda tx: tx.conn.execute(insert_operator))
    for name in ("adm-f", "nobody"):
        for find in (
            desk.lookup.find_records,
            desk.lookup.find_corporation,
            desk.registry.read_facts,
            desk.registry.find_corporation,
        ):
            with act_as(name), pytest.raises(ConsoleError) as refused:
                find(NEW_NUMBER)
            assert refused.value.code is ErrorCode.NOT_ALLOWED
    assert count_queries(sandbox) == 0


def test_a_desk_without_an_application_id_calls_no_publisher(
    home: Path, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A desk without an application id sends no query to the registry's publisher."""
    with closing(open_quick_desk(home, alarmbox, hand_clock, REGISTRY_URL=sandbox.url)) as console:
        assert console.registry.read_facts(NEW_NUMBER) is None  # no registry: nothing is said, and nobody asked
        console.registry.import_files([write_whole_file(tmp_path, WHOLE_FILE_DAY, 5, 1)])
        assert console.registry.find_corporation(NEW_NUMBER) is None
    assert count_queries(sandbox) == 0
