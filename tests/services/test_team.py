"""Tests of a whole team on a server, where each person has a database account with no more rights than necessary: all
actions of the team work.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import CreditCheck, PurchaseRequest
from tests.support import old_purchases
from tests.support.desks import CORPORATION_NUMBERS
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import open_quick_desk
from tests.support.refusals import call_for_refusal_code
from tests.support.sql_server import SqlServer
from tests.support.teams import Team, open_team

CORPORATION_NUMBER = CORPORATION_NUMBERS[0]


@pytest.fixture(scope="module")
def people(sql_server: SqlServer) -> Iterator[Team]:
    """Yield a team with database accounts."""
    with open_team(sql_server) as made:
        yield made


class TeamDesks:
    """A function object that opens the desk of an operator of the team at its first use, and returns it."""

    def __init__(self, people: Team, folder: Path, alarmbox: InMemoryAlarmBox, closing: ExitStack) -> None:
        self._people, self._folder, self._alarmbox, self._closing = people, folder, alarmbox, closing
        self._desks: dict[str, Console] = {}

    def __call__(self, person: str, desk: str = "") -> Console:
        """Return the desk of this operator. `desk` names the spool (default: the operator's own)."""
        if person not in self._desks:
            url = self._people.urls[person] if person != "owner" else self._people.owner
            home = self._folder / (desk or person)
            shared = f"file://{self._folder}/documents"
            opened = open_quick_desk(
                home, self._alarmbox, DATABASE_URL=url, DOCUMENTS_URL=shared, OPERATOR="", TIME_SCALE="1"
            )
            self._desks[person] = self._closing.enter_context(opened)
        return self._desks[person]


@pytest.fixture
def alarmbox() -> InMemoryAlarmBox:
    return InMemoryAlarmBox()


@pytest.fixture
def team_desks(people: Team, tmp_path: Path, alarmbox: InMemoryAlarmBox) -> Iterator[TeamDesks]:
    """Yield the desks of the team; the tables are emptied after each test."""
    with ExitStack() as closing:
        yield TeamDesks(people, tmp_path, alarmbox, closing)
    with people.open_connection("owner") as owner, owner.cursor() as cursor:
        for table in ("hansha_alarmbox_credit_checks", "operations", "leases", "documents"):
            cursor.execute(f"DELETE FROM {table}")


def buy_check(console: Console, client: str = "1") -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(CORPORATION_NUMBER, client))


def make_unknown_purchase(
    console: Console, alarmbox: InMemoryAlarmBox, behaviour: str = "silent_before_charge"
) -> CreditCheck:
    """Return a purchase with an unknown outcome: the simulated AlarmBox has this behaviour and doesn't answer."""
    alarmbox.behaviour = behaviour  # type: ignore[assignment]  # one of its words
    with pytest.raises(ConsoleError, match="outcome_unknown") as caught:
        buy_check(console)
    alarmbox.behaviour = "answers"
    record = caught.value.detail["record"]
    assert isinstance(record, CreditCheck)
    return record


def test_three_people_work_on_a_purchase_under_their_own_names(people: Team, team_desks: TeamDesks) -> None:
    """One person buys, another re-fetches, and the auditor reads the purchase, each under their own name."""
    bought = buy_check(team_desks("op-a"))
    assert (bought.state, bought.incomplete) == ("success", ())
    assert team_desks("lead-b").credit_checks.refetch(bought.id).record.id == bought.id
    timeline = team_desks("aud-e").credit_checks.read_credit_check(bought.id).timeline
    assert {people.names["op-a"], people.names["lead-b"]} <= {entry.actor for entry in timeline}
    assert team_desks("aud-e").audit.verify_chains() > 0
    assert team_desks("op-b").lookup.find_records(CORPORATION_NUMBER).credit_checks[0].id == bought.id
    assert call_for_refusal_code(lambda: buy_check(team_desks("op-b"))) == "already_purchased"


def test_two_people_decide_a_purchase_in_team_mode(team_desks: TeamDesks, alarmbox: InMemoryAlarmBox) -> None:
    """The first person proposes an outcome. An operator cannot confirm it; an approver with separate evidence can."""
    record = make_unknown_purchase(team_desks("op-a"), alarmbox)

    def resolve_as(person: str) -> object:
        return (
            team_desks(person).recovery.resolve("credit-check", record.id, "error", f"{person} has looked").awaiting
        )

    assert resolve_as("op-a") == "second_person"
    assert call_for_refusal_code(lambda: resolve_as("op-a")) == "same_person"
    assert call_for_refusal_code(lambda: resolve_as("op-b")) == "not_allowed"
    for person in ("aud-e", "adm-f", "worker"):
        assert call_for_refusal_code(lambda: resolve_as(person)) == "not_allowed"  # noqa: B023  # called at once
    assert resolve_as("lead-b") is None
    assert team_desks("op-b").credit_checks.read_credit_check(record.id).record.state == "error"
    assert buy_check(team_desks("op-b")).state == "success"


def test_one_person_settles_a_purchase_with_the_providers_confirmation(
    team_desks: TeamDesks, alarmbox: InMemoryAlarmBox
) -> None:
    """A person other than the buyer settles the purchase with AlarmBox's confirmation, which is stored as evidence
    first.
    """
    record = make_unknown_purchase(team_desks("op-a"), alarmbox, "silent_after_charge")
    resolved = team_desks("op-b").recovery.resolve(
        "credit-check", record.id, "success", "seen there", alarmbox.charges[-1].id
    )
    assert isinstance(resolved.record, CreditCheck)
    assert resolved.record.state == "success"


def test_the_worker_settles_another_persons_purchase(
    people: Team, team_desks: TeamDesks, alarmbox: InMemoryAlarmBox
) -> None:
    """If AlarmBox offers a list of purchases, the worker probes and settles another person's purchase."""
    alarmbox.lists_purchases = True
    record = make_unknown_purchase(team_desks("op-a"), alarmbox, "silent_after_charge")
    probed = team_desks("worker").recovery.probe("credit-check", record.id)
    assert isinstance(probed, CreditCheck)
    assert probed.state == "success"


def test_a_renewal_that_fails_gives_the_claim_back(
    people: Team, team_desks: TeamDesks, alarmbox: InMemoryAlarmBox
) -> None:
    """If AlarmBox refuses a renewal, the earlier credit check gets its claim back and is live again. A later
    successful renewal supersedes it. The database accepts each of these writes by a person's account.
    """
    alarmbox.today = lambda: date(2024, 4, 1)
    bought = buy_check(team_desks("op-a"))
    _expire_check(people, bought)
    alarmbox.today = date.today
    alarmbox.behaviour = "refuses"
    renew = PurchaseRequest(CORPORATION_NUMBER, "1", renew=True)
    assert call_for_refusal_code(lambda: team_desks("op-b").credit_checks.purchase(renew)) == "provider_refused"
    assert team_desks("op-b").credit_checks.read_credit_check(bought.id).record.is_live
    alarmbox.behaviour = "answers"
    renewed = team_desks("op-b").credit_checks.purchase(renew)
    assert renewed.state == "success"
    assert team_desks("op-a").credit_checks.read_credit_check(bought.id).record.superseded_by == renewed.id


def _expire_check(people: Team, record: CreditCheck) -> None:
    """Change the stored dates of the credit check so that it has expired."""
    with people.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(
            "UPDATE hansha_alarmbox_credit_checks SET expired_at = UTC_TIMESTAMP() - INTERVAL 1 DAY WHERE id = %s",
            (record.id,),
        )
        cursor.execute(old_purchases.SET_SENDING_TIME_SQL)


def test_the_workers_account_runs_due_tasks(people: Team, team_desks: TeamDesks, alarmbox: InMemoryAlarmBox) -> None:
    """The worker's account, which cannot decide or buy, adopts rows, records a lapse and re-fetches missing parts."""
    alarmbox.is_readable = False
    bought = buy_check(team_desks("op-a"))
    assert bought.incomplete
    alarmbox.is_readable = True
    with people.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(
            "INSERT INTO hansha_alarmbox_credit_checks (client_id, corporation_number, credit_check_id)"
            " VALUES (8, '５０１０００１１９２７０７', NULL), (8, 'T5010001192707', NULL), (9, '7010001065142', 5)"
        )
        cursor.execute("UPDATE hansha_alarmbox_credit_checks SET work_at = '2020-01-01' WHERE id = %s", (bought.id,))
        _insert_lapsed_operation(cursor, people.names["op-b"])
    ran = {run.task: run.count for run in team_desks("worker").recovery.run_all_tasks()}
    assert (ran["rows_by_others"], ran["lapsed_operations"], ran["refetches"]) == (3, 1, 1)
    assert team_desks("op-b").credit_checks.read_credit_check(bought.id).record.incomplete == ()
    assert call_for_refusal_code(lambda: buy_check(team_desks("worker"), "77")) == "not_allowed"


def _insert_lapsed_operation(cursor: object, person: str) -> None:
    """Insert an operation of this person that is stored as being sent although its process has ended."""
    cursor.execute(  # type: ignore[attr-defined]  # PyMySQL's
        "INSERT INTO operations (id, action, subject_kind, state, idempotency_key, fingerprint, operator, desk, host,"
        " process, session, started_at, lease_clock, lease_expires) VALUES (UUID(), 'credit-check.purchase',"
        f" 'credit-check', 'calling', UUID(), 'f', '{person}', 'd', 'h', 1, 's', UTC_TIMESTAMP(), 'server', 5)"
    )


@pytest.mark.parametrize("behaviour", ["answers", "refuses"])
@pytest.mark.expects_log("the outcome could not be recorded, and it says so")
def test_the_next_person_at_a_desk_delivers_its_answer(
    people: Team, team_desks: TeamDesks, alarmbox: InMemoryAlarmBox, behaviour: str
) -> None:
    """If the database refuses all writes when the answer comes, the next person who works at that desk delivers the
    answer.
    """
    buyer = team_desks("op-a", desk="shared")
    alarmbox.behaviour = behaviour  # type: ignore[assignment]  # one of its words
    alarmbox.during_call = lambda: _remove_account_role(people, "op-a")
    assert call_for_refusal_code(lambda: buy_check(buyer)) == "outcome_unknown"
    alarmbox.during_call = lambda: None
    delivered = {run.task: run.count for run in team_desks("lead-b", desk="shared").recovery.run_all_tasks()}
    _restore_account_role(people, "op-a")
    assert delivered["spool_delivery"] == 1
    record = team_desks("op-b").lookup.find_records(CORPORATION_NUMBER).credit_checks[0]
    assert (record.state, record.certainty) == ("success" if behaviour == "answers" else "error", "known")


def _remove_account_role(people: Team, person: str) -> None:
    """Remove the role of this person's database account."""
    with people.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(f"REVOKE `{people.database}/operator` FROM {people.get_grantee(person)}")


def _restore_account_role(people: Team, person: str) -> None:
    """Give the role back to this person's database account."""
    with people.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute(f"GRANT `{people.database}/operator` TO {people.get_grantee(person)}")
        if not people.server.is_mariadb:
            cursor.execute(f"SET DEFAULT ROLE ALL TO {people.get_grantee(person)}")


@pytest.mark.parametrize("brought_back", ["row", "row and journal"])
def test_a_lost_record_is_restored_in_the_persons_name(
    people: Team, team_desks: TeamDesks, alarmbox: InMemoryAlarmBox, brought_back: str
) -> None:
    """A lost record is restored in the name of the person who restores it; the audit trail names the person who
    bought.
    """
    bought = buy_check(team_desks("op-a", desk="shared"))
    operation = bought.operation_id or ""
    with people.open_connection("owner") as owner, owner.cursor() as cursor:
        cursor.execute("DELETE FROM hansha_alarmbox_credit_checks WHERE id = %s", (bought.id,))
        if brought_back == "row and journal":
            cursor.execute("DELETE FROM operations")
    restored = team_desks("lead-b", desk="shared").recovery.probe("operation", operation)
    assert isinstance(restored, CreditCheck)
    assert (restored.id, restored.state) == (bought.id, "success")
    details = [entry.detail for entry in team_desks("op-b").credit_checks.read_credit_check(bought.id).timeline]
    assert people.names["op-a"] in {detail.get("began_by") for detail in details}


def test_the_schema_account_may_only_change_the_schema(team_desks: TeamDesks, alarmbox: InMemoryAlarmBox) -> None:
    """The schema account cannot read records, buy, settle records or run due tasks."""
    bought = buy_check(team_desks("op-a"))
    owner = team_desks("owner")
    acts = (
        lambda: owner.lookup.find_records(CORPORATION_NUMBER),
        lambda: owner.credit_checks.read_credit_check(bought.id),
        lambda: owner.recovery.read_record("operation", bought.operation_id or ""),
        lambda: owner.recovery.read_queue("pending"),
        lambda: owner.recovery.count_queued_records(),
        lambda: owner.recovery.run_all_tasks(),
        lambda: buy_check(owner, "2"),
        lambda: owner.credit_checks.refetch(bought.id),
        lambda: owner.recovery.probe("credit-check", bought.id),
        lambda: owner.recovery.probe("operation", bought.operation_id or ""),
        lambda: owner.recovery.resolve("credit-check", bought.id, "error", "x"),
        lambda: owner.audit.list_entries(10),
        lambda: owner.audit.verify_chains(),
    )
    assert {call_for_refusal_code(act) for act in acts} == {"not_allowed"}
    assert len(alarmbox.charges) == 1
