"""Tests of the approval page: the risks of a refund, the changes since its request, and the actions that each person
may execute.
"""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from console.domain.allowed_action import AllowedAction
from console.domain.exports.tables import ExportRequest, ListName
from console.domain.payments.states import DONE_OUTSIDE, RefundState
from console.domain.recovery.left_open import LeftOpenReason
from console.services.refunds import details_reader
from console.wiring.exports import make_export_table
from console.wording.sentences.text_context import FileTextContext
from tests.support.outside_days import read_today
from tests.support.refund_desks import RefundDesk
from tests.support.refusals import call_and_get_code
from tests.support.sent_statements import record_statements


def read_actions(desk: RefundDesk, refund_id: int, person: str) -> dict[str, AllowedAction]:
    """Return the person's actions on the refund by name."""
    with desk.console.acting_as(person):
        return {action.action: action for action in desk.refunds.read_refund(refund_id).actions}


def test_an_approver_sees_amounts_sides_rules_and_history(desk: RefundDesk) -> None:
    """The approval page has amounts, sides, rules and history, with the reasons against the refund first. The request
    itself is not one of these reasons.
    """
    payment = desk.make_paid_payment(payer="payer-1")
    desk.approve_refund(desk.request_refund(payment, "1000"))
    refund = desk.request_refund(payment, "1005")
    view = desk.refunds.read_refund(refund.id)
    assert [hit.rule for hit in view.risk_signals] == ["similar_amount"]
    assert view.risk_signals[0].id != refund.id
    assert (view.money.waiting, view.money.on_its_way, view.money.refundable) == (1005, 1000, 1295)
    assert [side.name for side in view.sides] == ["ours", "provider", "order"]
    assert all(check.holds for check in view.checks)
    assert [one.amount_minor for one in view.earlier] == [1000]
    assert [entry.what for entry in view.timeline] == ["refund.requested"]
    assert view.changed == {}


def read_audit_count(desk: RefundDesk) -> int:
    return int(desk.sql("SELECT count(*) FROM audit_log")[0][0])


@pytest.mark.parametrize("has_order", [True, False])
def test_the_sides_of_a_refund_for_a_preview_are_those_of_its_screen(desk: RefundDesk, *, has_order: bool) -> None:
    """The sides of a refund for the preview next to a list equal those of its screen, and reading them writes no
    audit entry."""
    payment = desk.make_paid_payment(has_order=has_order)
    refund = desk.approve_refund(desk.request_refund(payment))
    shown = desk.refunds.read_refund(refund.id)
    audit_count = read_audit_count(desk)
    read = desk.refunds.read_sides(refund.id)
    assert (read.sides, read.provider, read.record) == (shown.sides, payment.provider, shown.record)
    assert read.sides[1].asked is not None
    assert read.sides[2].there is has_order
    assert read_audit_count(desk) == audit_count
    assert call_and_get_code(lambda: desk.refunds.read_sides(99)) == "not_found"


def test_the_sides_of_an_order_for_a_preview_are_those_of_its_screen(desk: RefundDesk) -> None:
    """The sides of an order for the preview next to a list equal those of its screen, which compares the payment of
    its open refund; reading them writes no audit entry."""
    payment = desk.make_paid_payment()
    assert payment.order_id is not None
    desk.request_refund(payment)
    shown = desk.console.payments.read_order(payment.order_id)
    audit_count = read_audit_count(desk)
    read = desk.console.payments.read_order_sides(payment.order_id)
    assert (read.sides, read.provider, read.record) == (shown.sides, payment.provider, shown.explained_payment)
    assert read_audit_count(desk) == audit_count
    assert call_and_get_code(lambda: desk.console.payments.read_order_sides(99)) == "not_found"


def test_an_earlier_refund_of_the_same_amount_is_named_once(desk: RefundDesk) -> None:
    """The approval page names an earlier refund of the same amount once, with its present state, and does not name
    the refund itself.
    """
    payment = desk.make_paid_payment()
    earlier = desk.approve_refund(desk.request_refund(payment, "1000"))
    refund = desk.request_refund(payment, "1000", intended_repeat=True)
    desk.control.payments_control.change_refund_state(earlier.provider_refund_key or "", "completed")
    desk.probe_refund(earlier)
    against = desk.refunds.read_refund(refund.id).risk_signals
    assert [(hit.rule, hit.id) for hit in against] == [("exact_lookalike", earlier.id)]
    assert against[0].facts["state"] == "completed"


@pytest.mark.parametrize(
    ("amount", "rule"), [("1000", "exact_lookalike"), ("1005", "similar_amount"), ("7", "same_order")]
)
def test_an_open_refund_is_named_once(desk: RefundDesk, amount: str, rule: str) -> None:
    """The request form of the next refund names the waiting refund once, although that refund also prevents the
    request.
    """
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment, "1000")
    signals = desk.refunds.make_plan(payment.id, amount).risk_signals
    assert [(signal.rule, signal.id) for signal in signals] == [(rule, refund.id)]


def test_a_refund_lists_the_fields_changed_since_its_request(desk: RefundDesk) -> None:
    """A refund shows the fields of its payment and order that have changed since the request, with the old and the
    new value.
    """
    payment = desk.make_paid_payment(minor=900_000)
    refund = desk.request_refund(payment, "1000")
    desk.sql("UPDATE orders SET status = 'shipped', version = version + 1")
    desk.sql("UPDATE payments SET provider_state = 'REFUNDED', version = version + 1")
    changed = desk.refunds.read_refund(refund.id).changed
    assert changed == {"order_state": ("paid", "shipped"), "provider_state": (None, "REFUNDED")}


def test_a_full_refund_ends_the_proposal_that_money_was_given_back_outside(desk: RefundDesk) -> None:
    """A person has stated that an amount was given back outside; then the whole payment is refunded. Nobody could
    confirm or replace the statement any more, so it no longer waits in the list of decisions.
    """
    today = read_today()
    payment = desk.make_paid_payment()
    with desk.console.acting_as("op-a"):
        desk.console.recovery.resolve("payment", payment.id, DONE_OUTSIDE, "letter 114", f"1000 {today}")
    refund = desk.approve_refund(desk.request_refund(payment, "3300"))
    assert len(desk.console.recovery.list_proposals()) == 1
    desk.control.payments_control.change_refund_state(refund.provider_refund_key or "", "completed")
    desk.probe_refund(refund)
    assert desk.read_payment(payment.id).refunded_minor == 3_300
    assert desk.console.recovery.list_proposals() == ()
    assert desk.console.payments.read_payment(payment.id).explanation.verdict == "verdict.payment_refunded"


def test_a_changed_payer_is_listed_in_masked_form(desk: RefundDesk) -> None:
    """If the payer has changed since the request, the refund lists the old and the new payer, both masked, because
    `show --json` prints this list.
    """
    refund = desk.request_refund(desk.make_paid_payment(payer="payer-12345678"), "1000")
    for payer, shown in (("NULL", None), ("'taro'", "****"), ("'other-99995678'", "****5678")):
        desk.sql(f"UPDATE payments SET payer_ref = {payer}, version = version + 1")
        assert desk.refunds.read_refund(refund.id).changed == {"payer": ("****5678", shown)}


def test_possible_actions_follow_the_rights_of_a_person(desk: RefundDesk) -> None:
    """A person needs the approver's role and cannot approve their own request; only the requester can withdraw it.
    After the withdrawal an approver can no longer approve it.
    """
    desk.insert_team()
    refund = desk.request_refund(desk.make_paid_payment(), person="lead-d")
    for person, approve, withdraw in (
        ("lead-b", None, "reason.refund_not_maker"),
        ("lead-d", "reason.refund_own", None),
        ("op-a", "reason.role", "reason.refund_not_maker"),
        ("aud-f", "reason.role", "reason.refund_not_maker"),
    ):
        actions = read_actions(desk, refund.id, person)
        assert (actions["approve"].reason, actions["withdraw"].reason) == (approve, withdraw), person
        assert actions["reject"].allowed == actions["approve"].allowed
        assert not actions["submit"].allowed
    desk.withdraw_refund(refund, person="lead-d")
    assert read_actions(desk, refund.id, "lead-b")["approve"].reason == "reason.refund_decided"


def test_the_inbox_separates_decidable_refunds(desk: RefundDesk) -> None:
    """The inbox separates the refunds that this person may decide from the person's own requests and the refunds that
    the person has already approved.
    """
    desk.insert_team()
    mine = desk.request_refund(desk.make_paid_payment("ORD-1"), person="lead-d")
    half = desk.request_refund(desk.make_paid_payment("ORD-2", 900_000), "600000")
    desk.approve_refund(half, person="lead-d")
    third = desk.request_refund(desk.make_paid_payment("ORD-3"))
    with desk.console.acting_as("lead-d"):
        inbox = desk.refunds.read_inbox()
    assert [one.id for one in inbox.refunds_to_decide] == [third.id]
    assert [one.id for one in inbox.other_refunds] == [mine.id, half.id]
    with desk.console.acting_as("op-a"):
        assert desk.refunds.read_inbox().refunds_to_decide == ()


def test_an_expired_request_advises_no_request_that_is_refused(desk: RefundDesk) -> None:
    """An expired request advises a new request only as long as one is possible: not after the gateway's refund period
    is over.
    """
    refund = desk.request_refund(desk.make_paid_payment("ORD-1"))
    desk.move_clock(hours=73)
    assert desk.run_due_tasks()["refund_expiry"] == 1
    assert desk.refunds.read_refund(refund.id).explanation.next_step.code == "next.refund_ask_anew"
    desk.clock.offset += timedelta(days=367)
    step = desk.refunds.read_refund(refund.id).explanation.next_step
    assert (step.code, step.facts["refusal"]) == ("next.payment_refund_off", "refund_window_over")


def test_the_exported_approvals_have_every_waiting_refund(desk: RefundDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exported list of approvals has all refunds that wait for a decision, also if they are more than one page of
    the screen.
    """
    monkeypatch.setattr(details_reader, "MAX_APPROVAL_INBOX_ROWS", 2)
    ids = [desk.request_refund(desk.make_paid_payment(f"ORD-{number}")).id for number in range(5)]
    with desk.console.acting_as("lead-b"):
        context = FileTextContext("en", desk.context.now)
        table = make_export_table(desk.console, ExportRequest(ListName.APPROVALS), "lead-b", context)
        assert [refund.id for page in table.read_pages() for refund in page] == ids


def test_the_approvals_are_cut_only_if_more_refunds_wait(desk: RefundDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The approval page has all refunds that wait for a decision if they are exactly its largest number. If one more
    refund waits, the page says that it has only the oldest.
    """
    monkeypatch.setattr(details_reader, "MAX_APPROVAL_INBOX_ROWS", 2)
    ids = [desk.request_refund(desk.make_paid_payment(f"ORD-{number}")).id for number in range(2)]
    with desk.console.acting_as("lead-b"):
        inbox = desk.refunds.read_inbox()
        assert ([refund.id for refund in inbox.refunds_to_decide], inbox.is_cut) == (ids, False)
    desk.request_refund(desk.make_paid_payment("ORD-2"))
    with desk.console.acting_as("lead-b"):
        inbox = desk.refunds.read_inbox()
        assert ([refund.id for refund in inbox.refunds_to_decide], inbox.is_cut) == (ids, True)


def test_an_overdue_request_is_in_no_list(desk: RefundDesk) -> None:
    """A request whose time to decide is over, although no due task has expired it yet, is in no list of waiting
    refunds and not among the requester's left-open records.
    """
    refund = desk.request_refund(desk.make_paid_payment("ORD-1"))
    desk.move_clock(hours=71)
    newer = desk.request_refund(desk.make_paid_payment("ORD-2"))

    def list_inbox_and_left_open() -> tuple[list[int], list[str]]:
        """Return the ids of the refunds in the inbox, and those of the refunds that the person has left open."""
        inbox, left_open = desk.refunds.read_inbox(), desk.console.left_open.list_items()
        return (
            [one.id for one in (*inbox.refunds_to_decide, *inbox.other_refunds)],
            [item.id for item in left_open if item.reason is LeftOpenReason.REFUND],
        )

    with desk.console.acting_as("op-a"):
        assert list_inbox_and_left_open() == ([refund.id, newer.id], [str(refund.id), str(newer.id)])
        desk.move_clock(hours=1, seconds=1)
        assert desk.read_refund(refund).state is RefundState.REQUESTED
        assert list_inbox_and_left_open() == ([newer.id], [str(newer.id)])


def test_summaries_of_many_refunds_cost_no_more_statements(desk: RefundDesk) -> None:
    """The summary of each request equals the one on its page, and reading all summaries needs as many SQL statements
    as reading one.
    """
    desk.approve_refund(desk.request_refund(desk.make_paid_payment("ORD-1", payer="payer-1"), "1000"))
    payments = [
        desk.make_paid_payment("ORD-2", payer="payer-1"),
        desk.make_paid_payment("ORD-3", payer="payer-1", corporation_number="7123456789012"),
        desk.make_paid_payment("ORD-4", payer="payer-2", corporation_number="7123456789012"),
        desk.make_paid_payment("ATOM-5", 500_000, "atom"),
        desk.make_paid_payment("ORD-6", has_order=False),
    ]
    for payment in payments[:2]:
        desk.sql(f"UPDATE payments SET captured_minor = 1100000, version = version + 1 WHERE id = {payment.id}")
    waiting = [desk.request_refund(payment) for payment in payments]
    desk.sql(f"UPDATE limits SET value = 999 WHERE name = 'per_refund' AND currency = '{waiting[0].currency}'")
    ids = [refund.id for refund in waiting]
    with record_statements(desk.console) as sent_for_one:
        desk.refunds.read_summaries(ids[1:2])
    with record_statements(desk.console) as sent_for_all:
        summaries = desk.refunds.read_summaries(ids)
    assert len(sent_for_all) == len(sent_for_one), "\n".join(sent_for_all)
    for refund in waiting:
        view = desk.refunds.read_refund(refund.id)
        broken_checks = [check for check in view.checks if not check.holds]
        assert summaries[refund.id].payment == replace(view.payment, relations=None)
        assert summaries[refund.id].reasons_against_count == len(view.risk_signals) + len(broken_checks), refund
    assert {1, 3} <= {summary.reasons_against_count for summary in summaries.values()}
    assert desk.refunds.read_summaries([]) == {}
    assert call_and_get_code(lambda: desk.refunds.read_summaries([*ids, 99])) == "not_found"


def test_openings_and_refusals_are_in_the_trail(desk: RefundDesk) -> None:
    """The audit trail names each person who opened a refund, and has each refusal with its person."""
    refund = desk.request_refund(desk.make_paid_payment())
    with desk.console.acting_as("lead-b"):
        desk.refunds.read_refund(refund.id)
    assert call_and_get_code(lambda: desk.approve_refund(refund, person="op-a")) == "same_person"
    desk.reads.flush()
    rows = desk.sql("SELECT who, what, subject_kind, subject_id, result FROM audit_log WHERE subject_kind = 'refund'")
    audit_rows = [tuple(row) for row in rows]
    assert ("lead-b", "refund.opened", "refund", str(refund.id), "done") in audit_rows
    assert ("op-a", "refund.approve", "refund", str(refund.id), "refused") in audit_rows


def test_an_unknown_person_is_refused_the_view(desk: RefundDesk) -> None:
    """A person who is not in the database is refused the approval page."""
    desk.insert_team()
    refund = desk.request_refund(desk.make_paid_payment())
    with desk.console.acting_as("stranger"):
        assert call_and_get_code(lambda: desk.refunds.read_refund(refund.id)) == "not_allowed"
        assert call_and_get_code(desk.refunds.read_inbox) == "not_allowed"
        assert call_and_get_code(lambda: desk.refunds.make_plan(refund.payment_id)) == "not_allowed"
    with desk.console.acting_as("op-a"):
        assert call_and_get_code(lambda: desk.refunds.read_refund(99)) == "not_found"


def test_a_page_states_that_a_refund_has_no_other_approver(desk: RefundDesk) -> None:
    """If all approvers except the requester are disabled, the pages of the refund and its payment state that no other
    person may approve it. After one of these approvers is enabled again, the pages show the usual next step.
    """
    desk.insert_team()
    payment = desk.make_paid_payment()
    refund = desk.request_refund(payment, person="lead-d")

    def read_next_steps() -> set[str]:
        views = desk.refunds.read_refund(refund.id), desk.readers.payment_details.read_payment(payment.id)
        return {view.explanation.next_step.code for view in views}

    usual = read_next_steps()
    desk.disable_person("lead-b")
    assert read_next_steps() == usual
    desk.disable_person("lead-c")
    alone = read_next_steps()
    assert alone == {"next.refund_approver_missing", "next.payment_refund_approver_missing"}
    desk.sql("UPDATE operators SET disabled_at = NULL WHERE name = 'lead-c'")
    assert read_next_steps() == usual
    assert not usual & alone


@pytest.mark.expects_log("a payment that can't be read is told")
def test_an_unreadable_payment_stops_no_export_of_the_approvals(desk: RefundDesk, tmp_path: Path) -> None:
    """The export lists a refund whose payment this program can't read, without a corporation number."""
    refund = desk.request_refund(desk.make_paid_payment(), "1000")
    desk.sql("UPDATE payments SET late_after = 'future', version = version + 1")
    assert desk.console.exports.write(ExportRequest(ListName.APPROVALS), tmp_path / "approvals.csv", "en").row_count
    assert f"R-{refund.id}" in (tmp_path / "approvals.csv").read_text("utf-8-sig")
    keys = (("payment", refund.payment_id), ("refund", refund.id))
    assert list(desk.console.lookup.read_records(keys)) == [("refund", refund.id)]
