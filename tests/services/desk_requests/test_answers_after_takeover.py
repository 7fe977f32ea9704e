"""A worker is killed after the COMMIT of a command and before it stores the answer. The next worker writes nothing a
second time, and the person gets the answer of the command.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from console.app import Console
from console.domain.alerts.incidents import Incident, IncidentAction
from console.domain.error_reasons import PossibleRepeatReason
from console.domain.errors import ConsoleError
from console.domain.payments.limits import Limit
from console.domain.records import PurchaseRequest
from console.sandbox.server import Sandbox
from console.services.guarded.request_ids import RequestIdService
from console.store.desk_requests import requests
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.payment_desks import make_settings
from tests.support.places import Place, ServerPlace
from tests.support.team_mode import answer_password_prompts, keep_executing_desk_requests, start_team_mode
from tests.support.teams import apply_accounts
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

ADMINISTRATORS = ("op-b", "lead-c")
ALERT_ID = 77
"""Id of the alert in the database of `scene`."""


@dataclass(frozen=True)
class TakeoverScene:
    """The desks of op-a and of lead-b, and two workers."""

    place: ServerPlace
    first_worker: Console
    second_worker: Console
    desk: Console
    lead_desk: Console
    monkeypatch: pytest.MonkeyPatch

    def kill_after_commit(
        self,
        call: Callable[[], object],
        change: Callable[[], object] = lambda: None,
        *,
        is_answer_stored: bool = False,
    ) -> object:
        """Let the first worker execute the request of `call`, and kill it before it stores the answer under the
        request id; with `is_answer_stored`, kill it later: after that, but before it stores the answer in the desk
        request. After `change`, the second worker takes the request over. Return the result of `call`, or its
        error."""
        self.first_worker.desk_request_executor.announce_presence()
        with ThreadPoolExecutor(1) as thread:
            answer = thread.submit(_get_result_or_error, call)
            wait_until(lambda: self.first_worker.desk_request_executor.count_waiting_requests() > 0, "the request")
            context = self.first_worker._context
            taken = context.write(lambda tx: requests.take_next_request(tx, context.make_holder(), 45.0))
            assert taken is not None
            with self.monkeypatch.context() as patch:
                if not is_answer_stored:
                    patch.setattr(RequestIdService, "_end_call", lambda *_: True)
                self.first_worker.desk_request_executor._make_answer(taken)
            change()
            self.place.sql(
                "UPDATE request_ids SET lease_expires = 1 WHERE lease_expires > 0",
                "UPDATE requests SET lease_expires = 1 WHERE state = 'taken'",
            )
            with keep_executing_desk_requests(self.second_worker):
                return answer.result(MAX_WAIT_SECONDS)

    def list_steps(self) -> list[str]:
        """Return the stored actions on incidents, oldest first."""
        return [action for (action,) in self.place.sql("SELECT action FROM incident_steps ORDER BY id")]


def _get_result_or_error(call: Callable[[], object]) -> object:
    try:
        return call()
    except ConsoleError as error:
        return error


@contextmanager
def _open_administrators(
    scene: TakeoverScene, sandbox: Sandbox
) -> Iterator[tuple[Callable[[], Limit], Callable[[], Limit]]]:
    """Make op-b and lead-c administrators, and yield the functions with which the first one and then the second one
    request the same value of a limit.
    """
    people = [
        {"name": scene.place.get_account_name(person_name), "roles": ["admin"], "acts": False}
        for person_name in ADMINISTRATORS
    ]
    apply_accounts(scene.place.database._team.owner, people, {})
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(scene.place.open_desk(sandbox, person=person, desk=number))
            for number, person in enumerate(ADMINISTRATORS, 5)
        )

        def set_limit(console: Console, person: str) -> Limit:
            with answer_password_prompts(scene.place, person):
                return console.refund_limits.set_limit("per_refund", "JPY", 4321)

        yield partial(set_limit, first, ADMINISTRATORS[0]), partial(set_limit, second, ADMINISTRATORS[1])


@pytest.fixture
def scene(
    place: Place, sandbox: Sandbox, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[TakeoverScene]:
    assert isinstance(place, ServerPlace)
    start_team_mode(place, "op-a", "lead-b")
    place.sql(
        "INSERT INTO alerts (id, rule_id, subject_kind, subject_id, observed, expected, detected_at)"
        f" VALUES ({ALERT_ID}, 'stuck_saga', 'payment', 1, 'o', 'e', UTC_TIMESTAMP())"
    )
    settings = make_settings(sandbox.url)
    with ExitStack() as stack:
        first, second, desk, lead = (
            stack.enter_context(place.open_desk(sandbox, clock, person=person, desk=number, **settings))
            for number, person in enumerate(("worker", "worker", "op-a", "lead-b"), 1)
        )
        yield TakeoverScene(place, first, second, desk, lead, monkeypatch)


def test_each_step_of_an_incident_is_stored_once(scene: TakeoverScene, clock: MovedClock) -> None:
    """If the worker is killed after its COMMIT and a second worker takes the request over, each action on an incident
    has stored one step, and the answer at the desk is the incident.
    """
    incidents, owner = scene.desk.incidents, scene.place.get_account_name("lead-b")
    until = clock.now() + timedelta(hours=1)
    calls: dict[IncidentAction, Callable[[], object]] = {
        IncidentAction.TAKE: lambda: incidents.take(ALERT_ID),
        IncidentAction.RELEASE: lambda: incidents.release(ALERT_ID),
        IncidentAction.SNOOZE: lambda: incidents.snooze(ALERT_ID, until, "waiting"),
        IncidentAction.WAKE: lambda: incidents.end_snooze(ALERT_ID),
        IncidentAction.HAND_OVER: lambda: incidents.hand_over(ALERT_ID, owner, "please"),
        IncidentAction.RESOLVE: lambda: incidents.resolve(ALERT_ID, "it was a test"),
        IncidentAction.REOPEN: lambda: incidents.reopen(ALERT_ID, "it wasn't"),
    }
    for action, call in calls.items():
        incident = scene.kill_after_commit(call)
        assert isinstance(incident, Incident), f"{action}: {incident}"
        assert incident.steps[-1].action is action
    assert scene.list_steps() == [action.value for action in calls]


def test_a_given_up_take_is_reported_as_given_up(scene: TakeoverScene) -> None:
    """A person gives up a take: the answer is True, although the second worker finds no take."""
    (number,) = invent_numbers(1, seed=51)
    scene.first_worker.desk_request_executor.announce_presence()
    with keep_executing_desk_requests(scene.first_worker):
        check = scene.desk.credit_checks.purchase(PurchaseRequest(number, "1"))
        scene.desk.recovery.take("credit-check", check.id)
    assert scene.kill_after_commit(lambda: scene.desk.recovery.give_up_take("credit-check", check.id)) is True


def test_a_removed_acknowledgement_is_not_written_again(scene: TakeoverScene) -> None:
    """A person acknowledges an alert. Before the second worker answers, the acknowledgement is removed from the
    alert: the second worker doesn't write it again."""
    scene.kill_after_commit(
        lambda: scene.desk.alerts.acknowledge(ALERT_ID, "seen"),
        lambda: scene.place.sql("UPDATE alerts SET acknowledged_by = NULL, acknowledged_at = NULL"),
    )
    assert scene.place.sql("SELECT acknowledged_by FROM alerts") == [(None,)]


def test_a_refetch_that_was_stored_is_not_reported_as_refused(scene: TakeoverScene) -> None:
    """A person re-fetches a credit check and states the version that the screen shows. The re-fetch itself has
    changed the version before the second worker answers: this isn't reported as a change by somebody else; the
    answer says that the request was carried out.
    """
    (number,) = invent_numbers(1, seed=52)
    scene.first_worker.desk_request_executor.announce_presence()
    with keep_executing_desk_requests(scene.first_worker):
        check = scene.desk.credit_checks.purchase(PurchaseRequest(number, "1"))
    answer = scene.kill_after_commit(
        lambda: scene.desk.credit_checks.refetch(check.id, expected_version=check.version)
    )
    assert isinstance(answer, ConsoleError)
    assert answer.detail["reason"] == PossibleRepeatReason.ANSWER_NOT_STORED


def test_a_read_only_switch_is_not_set_again_by_a_second_worker(scene: TakeoverScene) -> None:
    """An approver sets a read-only switch to on, and somebody sets it to off before the second worker answers: the
    switch stays off, and the approver gets the setting that was stored.
    """

    def set_to_off() -> None:
        scene.place.sql(
            "INSERT INTO read_only_switches (scope, is_on, reason, person, at)"
            " VALUES ('atom', 0, 'over', 'schema', UTC_TIMESTAMP())"
        )

    stored = scene.kill_after_commit(
        lambda: scene.lead_desk.read_only_switches.set_switch("atom", True, "incident"), set_to_off
    )
    assert getattr(stored, "is_on", None) is True, stored
    assert scene.place.sql("SELECT is_on FROM read_only_switches ORDER BY id") == [(1,), (0,)]


@pytest.mark.parametrize("is_answer_stored", [True, False])
def test_the_second_administrator_gets_the_changed_limit(
    scene: TakeoverScene, sandbox: Sandbox, *, is_answer_stored: bool
) -> None:
    """The request of a second administrator has changed a limit. The second worker, for whom the limit has another
    value than in the request, answers with the changed limit.
    """
    with _open_administrators(scene, sandbox) as (propose, confirm):
        with keep_executing_desk_requests(scene.first_worker):
            propose()
        limit = scene.kill_after_commit(confirm, is_answer_stored=is_answer_stored)
    assert isinstance(limit, Limit), limit
    assert (limit.value, limit.proposed) == (4321, None)


def test_a_limit_that_changed_meanwhile_is_refused_truthfully(scene: TakeoverScene, sandbox: Sandbox) -> None:
    """The limit has another value than the administrator's screen has shown: the request is refused as `stale_view`,
    not as a request of another program version. The refusal is in the audit trail in the administrator's name.
    """
    scene.first_worker.desk_request_executor.announce_presence()
    with _open_administrators(scene, sandbox) as (propose, _), ThreadPoolExecutor(1) as thread:
        answer = thread.submit(_get_result_or_error, propose)
        wait_until(lambda: scene.first_worker.desk_request_executor.count_waiting_requests() > 0, "the request")
        scene.place.sql("UPDATE limits SET value = 7 WHERE name = 'per_refund' AND currency = 'JPY'")
        with keep_executing_desk_requests(scene.first_worker):
            refused = answer.result(MAX_WAIT_SECONDS)
    assert isinstance(refused, ConsoleError)
    assert (refused.code, refused.detail["about"]) == ("stale_view", "limit")
    refusals = scene.place.sql("SELECT who, what, subject_kind, reason FROM audit_log WHERE result = 'refused'")
    assert refusals == [(scene.place.get_account_name(ADMINISTRATORS[0]), "limit.set", "limit", "stale_view")]
    assert scene.place.sql("SELECT value FROM limits WHERE name = 'per_refund' AND currency = 'JPY'") == [(7,)]
