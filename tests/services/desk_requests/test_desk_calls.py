"""Tests of the requests that a person's desk sends and a worker executes: results, errors and progress steps equal
those of a desk outside team mode.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import console
from console.app import open_adoption, open_console
from console.domain.bulk.records import ChosenRecord
from console.domain.desk_requests.records import NewDeskRequest
from console.domain.errors import ConsoleError
from console.domain.payments.records import RefundRequest
from console.domain.payments.refund_reasons import RefundReason
from console.domain.payments.states import RefundState
from console.domain.records import CheckState, CreditCheck, PurchaseRequest
from console.domain.recovery.decision_reasons import DecisionReason, StatedReason
from console.sandbox import SandboxControl
from console.sandbox.server import Sandbox
from console.services.desk_requests import execution
from console.services.desk_requests.desk_calls import RemoteRequestIdService
from console.services.guarded.answer_serialization import CallAnswer
from console.settings.settings import Settings
from console.store.desk_requests import requests
from console.wording.sentences.catalogue import LANGUAGES, format_error_message
from tests.support.desks import MovedClock
from tests.support.invented import invent_numbers
from tests.support.payment_desks import make_settings, open_payment_desk
from tests.support.places import Place, ServerPlace
from tests.support.refusals import call_for_refusal
from tests.support.team_mode import (
    answer_password_prompts,
    end_team_mode,
    keep_executing_desk_requests,
    start_team_mode,
)
from tests.support.teams import apply_accounts
from tests.support.waiting import MAX_WAIT_SECONDS, wait_until

OTHER_VERSION = "99.8.7"


def test_a_purchase_by_desk_request_returns_its_record(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A purchase by a desk request returns the record and the progress steps. A second purchase of the number is
    refused, and the error contains the first record.
    """
    (number,) = invent_numbers(1, seed=5)
    start_team_mode(place, "op-a")
    steps: list[str] = []
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox) as desk,
        keep_executing_desk_requests(worker),
    ):
        monkeypatch.setattr(execution, "__version__", OTHER_VERSION)
        bought = desk.credit_checks.purchase(PurchaseRequest(number, "1"), steps.append)
        assert (bought.state, bought.corporation_number) == (CheckState.SUCCESS, number)
        with pytest.raises(ConsoleError) as again:
            desk.credit_checks.purchase(PurchaseRequest(number, "1"))
    assert again.value.code == "already_purchased"
    known = again.value.detail["record"]
    assert isinstance(known, CreditCheck)
    assert known.id == bought.id
    assert len(sandbox.ledger.list_charges_of_number(number)) == 1
    assert set(steps) <= {"waiting", "asking", "answered", "detail", "pdf"}
    assert steps[-1] == "pdf"


def test_a_bulk_run_of_many_chosen_records_is_frozen_whole(place: Place, sandbox: Sandbox) -> None:
    """A person chooses more records than fit the arguments of a request: the worker stores a bulk run of all of them,
    in their order and with the versions on the screen. A repetition with the same request id returns this run.
    """
    chosen = [ChosenRecord("credit-check", number, number % 7) for number in range(1, 601)]
    start_team_mode(place, "op-a")
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox) as desk,
        keep_executing_desk_requests(worker),
    ):
        run = desk.bulk_runs.create_run("note", chosen, "called back", request_id="req-many-1")
        again = desk.bulk_runs.create_run("note", chosen, "called back", request_id="req-many-1")
        with pytest.raises(ConsoleError) as other_list:
            desk.bulk_runs.create_run("note", chosen[::-1], "called back", request_id="req-many-1")
    assert (run.size, again.id) == (600, run.id)
    assert place.sql("SELECT subject_id, saw FROM bulk_rows ORDER BY position") == [
        (record.id, record.expected_version) for record in chosen
    ]
    assert other_list.value.code == "possible_repeat"


def test_an_answer_arrives_without_progress_steps(place: Place, sandbox: Sandbox) -> None:
    """The worker ends the request before it has stored any progress step: the desk still shows the last progress
    step, so that its dialog says that the purchase was sent.
    """
    (number,) = invent_numbers(1, seed=6)
    start_team_mode(place, "op-a")
    sandbox.control.add_fault("reset_after_charge", call="purchase", number=number)
    steps: list[str] = []
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox) as desk,
        ThreadPoolExecutor(1) as thread,
    ):
        worker.desk_request_executor.announce_presence()
        bought = thread.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"), steps.append)
        wait_until(worker.desk_request_executor.execute_next, "the request")
        with pytest.raises(ConsoleError) as unknown:
            bought.result(MAX_WAIT_SECONDS)
    assert unknown.value.code == "outcome_unknown"
    assert steps == ["asking"]


def test_a_request_under_another_name_is_refused(place: Place, sandbox: Sandbox) -> None:
    """If the settings name an operator other than the connected database account, the desk stores no request and
    sends nothing.
    """
    (number,) = invent_numbers(1, seed=8)
    start_team_mode(place, "op-a")
    environment = place.make_environment(sandbox.url, "op-a", 0)
    with place.open_desk(sandbox, person="worker", desk=1) as worker, keep_executing_desk_requests(worker):
        with open_console(Settings.load({**environment, "CONSOLE_OPERATOR": "somebody"})) as desk:
            refused = call_for_refusal(lambda: desk.credit_checks.purchase(PurchaseRequest(number, "1")))
        assert (refused.code, refused.detail["reason"]) == ("not_allowed", "other_account")
        assert place.sql("SELECT COUNT(*) FROM requests") == [(0,)]
        assert sandbox.ledger.list_charges_of_number(number) == []
        with open_console(Settings.load({**environment, "CONSOLE_OPERATOR": place.get_account_name("op-a")})) as desk:
            assert desk.credit_checks.purchase(PurchaseRequest(number, "1")).state == CheckState.SUCCESS


def test_a_team_mode_account_runs_no_worker_and_plans_no_adoption(place: Place, sandbox: Sandbox) -> None:
    """The database account of a person in team mode can't run a worker, because other desks would then believe that a
    worker is ready. It also gets no plan of an adoption, because the plan would describe the person's view instead of
    the table."""
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox) as desk:
        refused = call_for_refusal(desk.scheduler.require_right_to_run_tasks)
    assert (refused.code, dict(refused.detail)["needs"]) == ("not_allowed", ["worker"])
    with open_adoption(Settings.load(place.make_environment(sandbox.url, "op-a"))) as adoption:
        for act in (adoption.make_plan, adoption.run, adoption.accept_incomplete_rows):
            assert call_for_refusal(act).code == "not_allowed"


def test_a_worker_of_another_version_answers(place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the worker's answer has a field under an earlier name, the desk reports `possible_repeat` with the record
    and the two versions. The repeated call gets the answer without a further call to AlarmBox.
    """
    (number,) = invent_numbers(1, seed=6)
    start_team_mode(place, "op-a")
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox) as desk,
        keep_executing_desk_requests(worker),
    ):
        monkeypatch.setattr(execution, "__version__", OTHER_VERSION)
        bought = desk.credit_checks.purchase(PurchaseRequest(number, "1"))
        written = execution._serialize_answer

        def write_as_other_version(answer: CallAnswer, *, is_repetition: bool = False) -> str:
            """Return the text of the answer, in the form in which a worker of another version writes it."""
            text = written(answer, is_repetition=is_repetition)
            return text.replace("corporation_number", "corporation_no")

        monkeypatch.setattr(execution, "_serialize_answer", write_as_other_version)
        unread = call_for_refusal(lambda: desk.credit_checks.refetch(bought.id, request_id="fetch"))
        assert (unread.code, unread.detail["reason"]) == ("possible_repeat", "answer_unreadable")
        assert names_both_versions(unread)
        known = unread.detail["record"]
        assert isinstance(known, CreditCheck)
        assert known.id == bought.id
        request_count = len(SandboxControl(sandbox.url).read_requests())
        monkeypatch.undo()
        assert desk.credit_checks.refetch(bought.id, request_id="fetch").record.id == bought.id
        assert len(SandboxControl(sandbox.url).read_requests()) == request_count


def names_both_versions(error: ConsoleError) -> bool:
    """Return True if the error's Japanese and English sentences name the worker's version and this desk's version."""
    versions = (OTHER_VERSION, console.__version__)
    return all(name in format_error_message(error, language) for language in LANGUAGES for name in versions)


def test_a_worker_of_another_version_answers_with_an_unknown_error(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker's answer is an error whose code this desk doesn't know. With exit status 4 the desk reports an
    unknown outcome; with exit status 3 it reports `possible_repeat`.
    """
    (number,) = invent_numbers(1, seed=7)
    start_team_mode(place, "op-a")
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox) as desk,
        keep_executing_desk_requests(worker),
    ):
        monkeypatch.setattr(execution, "__version__", OTHER_VERSION)
        written = execution._serialize_answer
        for status, expected in ((4, ("outcome_unknown", "asked")), (3, ("possible_repeat", "answer_unreadable"))):

            def write_as_other_version(
                answer: CallAnswer, *, is_repetition: bool = False, status: int = status
            ) -> str:
                content = json.loads(written(answer, is_repetition=is_repetition))
                error = json.dumps({"code": "code_of_a_newer_version", "status": status, "detail": {"map": {}}})
                return json.dumps({**content, "answer": error})

            monkeypatch.setattr(execution, "_serialize_answer", write_as_other_version)
            unread = call_for_refusal(lambda: desk.credit_checks.purchase(PurchaseRequest(number, "1")))
            assert (unread.code, unread.detail["reason"]) == expected
            assert unread.exit_status == status
        assert names_both_versions(unread)


def test_a_worker_of_another_version_cannot_read_the_request(
    place: Place, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the desk sends an additional argument, or a command that the worker does not have, the worker refuses the
    request with the two versions, and sends nothing.
    """
    (number,) = invent_numbers(1, seed=8)
    start_team_mode(place, "op-a")
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox) as desk,
        keep_executing_desk_requests(worker),
    ):
        monkeypatch.setattr(execution, "__version__", OTHER_VERSION)
        with monkeypatch.context() as patch:
            made = RemoteRequestIdService._make_desk_request

            def make_with_one_more(*given: Any) -> tuple[NewDeskRequest, bytes | None]:
                """Return the desk request with one additional argument."""
                request, content = made(*given)
                return replace(request, arguments_json=f'{request.arguments_json[:-1]}, "new"]'), content

            patch.setattr(RemoteRequestIdService, "_make_desk_request", make_with_one_more)
            unread = call_for_refusal(lambda: desk.credit_checks.purchase(PurchaseRequest(number, "1")))
        assert (unread.code, unread.detail["problem"]) == ("usage", "request_form")
        assert names_both_versions(unread)
        forms = worker.desk_request_executor._form_by_command
        known = {command: form for command, form in forms.items() if command != "purchase"}
        monkeypatch.setattr(worker.desk_request_executor, "_form_by_command", known)
        unread = call_for_refusal(lambda: desk.credit_checks.purchase(PurchaseRequest(number, "1")))
        assert (unread.code, unread.detail["problem"]) == ("usage", "request_form")
        assert sandbox.ledger.list_charges_of_number(number) == []


def test_a_refund_by_desk_requests_needs_two_people(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """A refund by desk requests needs two people: the requester's own approval is refused, and another person's
    approval lets the worker send the refund.
    """
    extra = {"REFUND_COOLING_OFF_SECONDS": "0", **make_settings(sandbox.url)}
    start_team_mode(place, "op-a", "lead-b")
    with (
        place.open_desk(sandbox, clock, person="worker", desk=1, **extra) as worker,
        keep_executing_desk_requests(worker),
        open_payment_desk(place, sandbox, clock) as scene,
        place.open_desk(sandbox, clock, person="lead-b", desk=3) as checker,
    ):
        scene.console.payments.start(scene.insert_order("ORD-1", 3300), "paypay")
        scene.money.change_payment_state("paypay", "ORD-1", "paid")
        paid = scene.find_payment("paypay", "ORD-1")
        assert paid is not None
        scene.console.payments.probe(paid.id)
        request = RefundRequest(paid.id, "1000", "too much", reason_code=RefundReason.WRONG_AMOUNT)
        refund = scene.console.refunds.request(request)
        with pytest.raises(ConsoleError) as own, answer_password_prompts(place, "op-a"):
            scene.console.refunds.approve(refund.id)
        assert own.value.code == "not_allowed"
        with answer_password_prompts(place, "lead-b"):
            sent = checker.refunds.approve(refund.id)
    assert sent.state in (RefundState.COMPLETED, RefundState.SUBMITTED)
    assert (refund.maker, sent.id) == (place.get_account_name("op-a"), refund.id)


def test_a_request_without_a_worker_is_refused(place: Place, sandbox: Sandbox) -> None:
    """If no worker is running, a purchase is refused with `worker_away` (exit status 6), and no request is stored."""
    (number,) = invent_numbers(1, seed=6)
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox) as desk, pytest.raises(ConsoleError) as away:
        desk.credit_checks.purchase(PurchaseRequest(number, "1"))
    assert (away.value.code, away.value.exit_status) == ("worker_away", 6)
    assert place.sql(f"SELECT count(*) FROM requests WHERE args LIKE '%{number}%'") == [(0,)]
    assert not sandbox.ledger.list_charges_of_number(number)


def test_evidence_of_a_decision_reaches_the_worker(place: Place, sandbox: Sandbox, tmp_path: Path) -> None:
    """The worker gets the file that a person gives with a decision, and stores it as evidence. The request of a
    second person decides. A file that can't be read is refused, as at a desk that acts itself.
    """
    (number,) = invent_numbers(1, seed=7)
    start_team_mode(place, "op-a", "lead-b")
    proof = tmp_path / "list.txt"
    proof.write_text("their list is empty", "utf-8")
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox, person="op-a", desk=2) as maker,
        place.open_desk(sandbox, person="lead-b", desk=3) as checker,
        keep_executing_desk_requests(worker),
    ):
        sandbox.control.add_fault("hang_after_charge", call="purchase", seconds=3600)
        with pytest.raises(ConsoleError) as unknown:
            maker.credit_checks.purchase(PurchaseRequest(number, "1"))
        assert unknown.value.code == "outcome_unknown"
        record = unknown.value.detail["record"]
        assert isinstance(record, CreditCheck)
        reason = StatedReason(DecisionReason.NOT_LISTED, "20 purchases there")
        missing, folder = tmp_path / "missing.txt", tmp_path
        for path in (missing, folder):
            refused = call_for_refusal(
                lambda path=path: maker.recovery.resolve("credit-check", record.id, "error", path, reason=reason)
            )
            assert (refused.code, dict(refused.detail)["file"]) == ("no_evidence", str(path))
        first = maker.recovery.resolve("credit-check", record.id, "error", proof, reason=reason)
        with answer_password_prompts(place, "lead-b"):
            second = checker.recovery.resolve("credit-check", record.id, "error", "not on the bill")
        assert isinstance(second.record, CreditCheck)
        summary_by_body = {
            item.body: item.summary for item in worker.credit_checks.read_credit_check(record.id).evidence
        }
    assert (first.awaiting, second.record.state) == ("second_person", CheckState.ERROR)
    assert summary_by_body["their list is empty"] == "[not_listed] 20 purchases there"
    assert summary_by_body["not on the bill"] == "not on the bill", "a script may leave the reason out"


def test_a_worker_audits_the_records_that_a_person_opens(place: Place, sandbox: Sandbox) -> None:
    """For each record that a person in team mode opens, the worker writes an audit entry in the person's name. It
    also writes the entries of records that were opened while no worker was running.
    """
    (number,) = invent_numbers(1, seed=9)
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, person="worker", desk=1) as worker:
        with place.open_desk(sandbox, desk=2) as desk:
            with keep_executing_desk_requests(worker):
                bought = desk.credit_checks.purchase(PurchaseRequest(number, "1"))
            desk.credit_checks.read_credit_check(bought.id)
        with keep_executing_desk_requests(worker):
            wait_until(lambda: not worker.desk_request_executor.count_waiting_requests(), "the entries to be written")
    rows = place.sql("SELECT what, result, who, detail FROM audit_log WHERE detail LIKE '%\"request\"%' ORDER BY id")
    assert {person for _, _, person, _ in rows} == {place.get_account_name("op-a")}
    written = [(what, result) for what, result, _, _ in rows]
    assert ("credit-check.opened", "done") in written
    assert all(place.get_account_name("worker") in detail for *_, detail in rows)


def test_database_accounts_have_exactly_their_rights(place: Place, sandbox: Sandbox) -> None:
    """The command `db check` finds no missing and no superfluous right for the accounts of two people whose desks
    send requests, and for the account of the worker. The result says that these accounts can't see everything. To a
    person, who can't read the merchants, it doesn't say that the database has none.
    """
    start_team_mode(place, "op-a", "lead-b")
    for person in ("op-a", "lead-b", "worker"):
        with place.open_desk(sandbox, person=person) as console:
            checks = {check.name: check for check in console.health.check_database()}
        assert checks["grants"].ok, checks
        assert {checks[name].message for name in ("guards", "grants")} == {
            "doctor.guards.partial",
            "doctor.grants.partial",
        }
        assert (checks["merchants"].message == "doctor.merchants.unneeded") is (person != "worker")


def test_a_worker_account_cannot_be_put_into_team_mode(place: Place) -> None:
    """An account file that puts a worker's account into team mode is refused."""
    assert isinstance(place, ServerPlace)
    entry: dict[str, object] = {"name": place.get_account_name("op-a"), "roles": ["worker"], "asks": True}
    with pytest.raises(ConsoleError) as flawed:
        apply_accounts(place.database._team.owner, [entry], {})
    assert (flawed.value.code, flawed.value.detail["problem"]) == ("usage", "accounts_roles")


def test_a_request_without_an_answer_is_unknown(place: Place, sandbox: Sandbox) -> None:
    """If a worker takes the request and never answers, the desk reports an unknown outcome."""
    (number,) = invent_numbers(1, seed=10)
    start_team_mode(place, "op-a")
    with place.open_desk(sandbox, person="worker", desk=1) as worker, place.open_desk(sandbox, desk=2) as desk:
        worker.desk_request_executor.announce_presence()
        with ThreadPoolExecutor(1) as thread:
            bought = thread.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"))
            wait_until(lambda: worker.desk_request_executor.count_waiting_requests() > 0, "the request")
            context = worker._context
            context.write(lambda tx: requests.take_next_request(tx, context.make_holder(), 0.001))
            with pytest.raises(ConsoleError) as unknown:
                bought.result(MAX_WAIT_SECONDS)
    assert (unknown.value.code, unknown.value.detail["reason"]) == ("outcome_unknown", "asked")


def test_a_desk_that_loses_its_rights_while_it_waits_reports_an_unknown_outcome(
    place: Place, sandbox: Sandbox
) -> None:
    """While a desk waits for its purchase, an administrator moves the person out of team mode, so that the desk can't
    read the answer any more. The worker executes the request, so the desk doesn't say that nothing was sent.
    """
    (number,) = invent_numbers(1, seed=23)
    start_team_mode(place, "op-a")
    with (
        place.open_desk(sandbox, person="worker", desk=1) as worker,
        place.open_desk(sandbox) as desk,
        ThreadPoolExecutor(1) as thread,
    ):
        worker.desk_request_executor.announce_presence()
        bought = thread.submit(desk.credit_checks.purchase, PurchaseRequest(number, "1"))
        wait_until(lambda: bool(place.sql("SELECT id FROM requests WHERE action = 'purchase'")), "the request")
        end_team_mode(place, "op-a")
        with pytest.raises(ConsoleError) as unknown:
            bought.result(MAX_WAIT_SECONDS)
        assert (unknown.value.code, unknown.value.detail["reason"]) == ("outcome_unknown", "asked")
        wait_until(worker.desk_request_executor.execute_next, "the request")
        assert len(sandbox.ledger.list_charges_of_number(number)) == 1
