"""Kills each action on credit checks with SIGKILL at each of its named steps. Checks the records that a new process
of the desk finds, and how the new process continues the action.
"""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf

from console.app import Console, open_console
from console.domain.errors import ConsoleError
from console.domain.process.failpoint_names import OPERATION_FAILPOINTS
from console.domain.records import Certainty, CheckState, CreditCheck, PurchaseRequest
from console.sandbox.server import Sandbox
from console.settings.settings import Settings
from console.store.operations import journal
from tests.crash.actors import execute_action
from tests.support import old_purchases, truth
from tests.support.children import Child, start_children
from tests.support.invented import invent_numbers
from tests.support.places import Place
from tests.support.waiting import wait_until

KILLED_EXIT_STATUS = -9
PURCHASE_STEPS = OPERATION_FAILPOINTS[: OPERATION_FAILPOINTS.index("after_pdf") + 1]
_STEPS_WITHOUT_SPOOLED_INTENT = ("after_intent",)  # a reading leaves none
STEPS_BY_ACTION: dict[str, tuple[str, ...]] = {
    "purchase": PURCHASE_STEPS,
    "renewal": PURCHASE_STEPS,
    "refetch": tuple(name for name in PURCHASE_STEPS if name not in _STEPS_WITHOUT_SPOOLED_INTENT),
    "probe": ("before_probe", "after_probe"),
    "resolve": ("before_resolve", "after_resolve"),
    "delivery": ("before_delivery", "after_delivery"),
}
_STEPS_BEFORE_SENDING = ("before_tx1", "after_tx1", "after_intent", "before_send")
_STEPS_AFTER_TX1 = ("after_tx1",)
"""Steps of a purchase after whose kill the desk's spool proves that nothing was sent. A spool with an intent doesn't
prove that."""


@dataclass
class CreditCheckKillCase:
    """One action that is killed at one step. Each case has a desk and a client of its own; all cases share one
    database. `charges_before` is the number of charges before the kill, `subject` the argument of the action (see
    actors.py).
    """

    action: str
    step: str
    corporation_number: str
    place: Place
    url: str
    desk: int
    charges_before: int = 0  # charges before the kill
    record_id: int | None = None
    subject: str = ""
    extra_settings: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> str:
        return str(self.desk + 1)

    @property
    def is_purchase(self) -> bool:
        """True if the action buys a credit check."""
        return self.action in ("purchase", "renewal")

    def make_environment(self, failpoint: str | None = None, **extra: str) -> dict[str, str]:
        """Return the environment variables of the desk, with a failpoint or without."""
        point = {"FAILPOINT": failpoint} if failpoint else {}
        return self.place.make_environment(self.url, desk=self.desk, **self.extra_settings, **point, **extra)

    def open_console(self, **extra: str) -> Console:
        """Open a console at the desk of the case; the caller must close it."""
        return open_console(Settings.load(self.make_environment(**extra)))


def kill_at_each_step(
    actions: Sequence[str],
    place: Place,
    seed: int = 0,
    only_steps: Sequence[str] = OPERATION_FAILPOINTS,
    within_seconds: float = inf,
) -> Counter[str]:
    """Kill each action at each of its steps (or at the steps `only_steps`), then recover its record. A recovery may
    take `within_seconds` seconds; only the soak test sets this limit. Return two counts: `kills`, and `charged`
    (charges before the recovery).
    """
    with Sandbox() as sandbox:
        sandbox.control.change_settings(offers_purchase_list=True)
        actions_and_steps = [
            (action, step) for action in actions for step in STEPS_BY_ACTION[action] if step in only_steps
        ]
        names = invent_numbers(len(actions_and_steps), seed)
        cases = [
            CreditCheckKillCase(action, step, names[i], place, sandbox.url, i)
            for i, (action, step) in enumerate(actions_and_steps)
        ]
        for case in cases:
            _prepare_records(case, sandbox)
        _kill_all(cases, sandbox)
        tally: Counter[str] = Counter()
        with ExitStack() as desks:
            # Opened at once, so that the leases of all cases run out while the first ones are looked at.
            for case in cases:
                desk = desks.enter_context(case.open_console())
                _check_before_expiry(case, desk, sandbox)
            for case in cases:
                tally.update(_check_recovery(case, sandbox, within_seconds))
        return tally


def _prepare_records(case: CreditCheckKillCase, sandbox: Sandbox) -> None:
    """Create the records that the action needs before it can be killed."""
    case.subject = case.corporation_number
    if case.action == "purchase":
        return
    with case.open_console() as console:
        if case.action == "renewal":
            sandbox.control.change_settings(today=old_purchases.OLD_PURCHASE_DAY)
            case.record_id = _buy_check(case, console).id
            sandbox.control.change_settings(today=None)
            case.place.sql(old_purchases.SET_SENDING_TIME_SQL)
        elif case.action == "refetch":
            case.record_id = _buy_check(case, console).id
            case.subject = str(case.record_id)
        else:
            _prepare_unknown_check(case, console, sandbox)
    case.charges_before = sandbox.control.count_charges(case.corporation_number)


def _prepare_unknown_check(case: CreditCheckKillCase, console: Console, sandbox: Sandbox) -> None:
    """Make a charged purchase whose outcome the database doesn't know. For "delivery" its answer is in the desk's
    spool.
    """
    if case.action == "delivery":
        with start_children(
            execute_action,
            [(case.make_environment("before_tx2:1:raise"), "purchase", case.corporation_number, case.client)],
        ) as (child,):
            assert (child.wait_for_report(), child.wait_for_report()) == ("open", "outcome_unknown")
    else:
        case.extra_settings = {"ALARMBOX_FIND_PURCHASES": "1"}
        sandbox.control.add_fault("close_after_charge", call="purchase", number=case.corporation_number)
        assert _call_and_get_code(lambda: _buy_check(case, console)) == "outcome_unknown"
    (record,) = console.lookup.find_records(case.corporation_number).credit_checks
    charge = sandbox.ledger.list_charges_of_number(case.corporation_number)[0]
    case.record_id = record.id
    case.subject = f"{record.id}:{charge.id}" if case.action == "resolve" else str(record.id)


def _buy_check(case: CreditCheckKillCase, console: Console, *, renew: bool = False) -> CreditCheck:
    return console.credit_checks.purchase(PurchaseRequest(case.corporation_number, case.client, renew=renew))


def _kill_all(cases: Sequence[CreditCheckKillCase], sandbox: Sandbox) -> None:
    """Kill all cases, four at a time: with more processes, a heartbeat could come too late on a machine with few
    cores.
    """
    for some in (cases[i : i + 4] for i in range(0, len(cases), 4)):
        arguments = [
            (case.make_environment(f"{case.step}:1:kill"), case.action, case.subject, case.client) for case in some
        ]
        with start_children(execute_action, arguments) as children:
            for case, child in zip(some, children, strict=True):
                _check_killed(case, child)


def _check_killed(case: CreditCheckKillCase, child: Child) -> None:
    """Check that the child was killed at its step."""
    assert child.wait_for_report() == "open"
    assert child.wait_for_end() == KILLED_EXIT_STATUS, f"{case.action} passed {case.step} unharmed"


# A new process


def _check_before_expiry(case: CreditCheckKillCase, console: Console, sandbox: Sandbox) -> None:
    """Check the state before the lease of the killed process expires. The number of charges is right, a second
    purchase is refused, and no record has the state `error`, except if its desk could already prove that nothing was
    sent.
    """
    sent = case.step not in _STEPS_BEFORE_SENDING or case.action not in ("purchase", "renewal")
    expected = case.charges_before + (1 if sent and case.is_purchase else 0)
    assert sandbox.control.count_charges(case.corporation_number) == expected, f"{case.action} at {case.step}"
    records = console.lookup.find_records(case.corporation_number).credit_checks
    if case.step in _STEPS_AFTER_TX1 and records and records[0].state is CheckState.ERROR:
        return  # its lease was over by then: the desk has told that it was not sent
    if case.is_purchase and case.step != "before_tx1":
        assert _call_and_get_code(lambda: _buy_check(case, console)) == "already_purchased"
    for record in records:
        assert record.state is not CheckState.ERROR
        assert console.credit_checks.read_credit_check(record.id).explanation.next_step.code


def _check_recovery(case: CreditCheckKillCase, sandbox: Sandbox, within_seconds: float) -> Counter[str]:
    """Check the state after the leases have expired: one run of the due tasks and at most one decision of people
    settle every record, and nothing is charged twice. Return two counts: `kills`, always 1, and `charged`, the
    charges for the number before the recovery.
    """
    charged = sandbox.control.count_charges(case.corporation_number)
    with case.open_console() as patient:
        wait_until(lambda: not patient.recovery.list_lease_holders() and not _is_running(patient), f"lease of {case}")
    begun = time.monotonic()
    with case.open_console() as console:
        console.recovery.run_all_tasks()
        seconds = time.monotonic() - begun
        assert seconds <= within_seconds, f"recovery took {seconds:.1f} s: {case}"  # house: only `make soak` sets it
        truth.check_claims(truth.read_check_rows(console.database))
        truth.check_queues(console)
        _finish_as_person(case, console, sandbox)
        expected_count = case.charges_before + (case.is_purchase)
        assert sandbox.control.count_charges(case.corporation_number) == expected_count, (
            f"{charged} charges, then another: {case}"
        )
        rows = [row for row in truth.read_check_rows(console.database) if row.number == case.corporation_number]
        truth.check_claims(rows)
        truth.check_charges(rows, {case.corporation_number: sandbox.control.count_charges(case.corporation_number)})
        assert truth.count_calling_operations(console.database) == 0
        console.audit.verify_chains()
    return Counter(kills=1, charged=charged)


def _is_running(console: Console) -> bool:
    """True while an operation counts as running: its process was killed, but its lease has not expired."""
    with console.database.read() as conn:
        return len(journal.list_lapsed_operations(conn)) < truth.count_calling_operations(console.database)


def _finish_as_person(case: CreditCheckKillCase, console: Console, sandbox: Sandbox) -> None:
    """Execute the next action of a person: buy if there is no record, resolve an unknown record, re-fetch an
    incomplete record.
    """
    records = console.lookup.find_records(case.corporation_number).credit_checks
    if not records or (case.action == "renewal" and case.step == "before_tx1"):
        assert _buy_check(case, console, renew=bool(records)).state is CheckState.SUCCESS
        return
    newest = records[0]
    if case.step in _STEPS_AFTER_TX1 and case.is_purchase:
        assert (newest.state, newest.certainty) == (CheckState.ERROR, Certainty.KNOWN), f"{case}: {newest}"
        assert [old.is_live for old in records[1:]] == [True] * (case.action == "renewal"), f"not back: {records}"
        assert _buy_check(case, console, renew=case.action == "renewal").state is CheckState.SUCCESS
        return
    if newest.certainty is Certainty.UNKNOWN:
        _settle_unknown_record(case, console, sandbox, newest)
        newest = console.lookup.find_records(case.corporation_number).credit_checks[0]
    assert newest.certainty is Certainty.KNOWN
    if newest.state is CheckState.SUCCESS and newest.incomplete:
        newest = console.credit_checks.refetch(newest.id).record
        assert newest.incomplete == ()


def _settle_unknown_record(
    case: CreditCheckKillCase, console: Console, sandbox: Sandbox, record: CreditCheck
) -> None:
    """Resolve an unknown record. If the ledger has a charge for it, it is resolved as bought. Otherwise two people
    decide that it was not bought, and the number is bought again.
    """
    step = console.credit_checks.read_credit_check(record.id).explanation.next_step
    assert (step.code, bool(step.command)) == ("next.resolve", True) or case.action == "probe", f"{case}: {step}"
    mine = [charge.id for charge in sandbox.ledger.list_charges_of_number(case.corporation_number)]
    known = {row.id_at_provider for row in truth.read_check_rows(console.database)}
    fresh = [charge for charge in mine if charge not in known]
    if fresh:
        console.recovery.resolve("credit-check", record.id, "success", "seen on their screen", fresh[0])
        return
    console.recovery.resolve("credit-check", record.id, "error", "their list is empty")
    with case.place.open_console_of_person(console, "lead-b") as other:
        other.recovery.resolve("credit-check", record.id, "error", "not on the bill")
    if case.action == "renewal":
        (old,) = [
            one
            for one in console.lookup.find_records(case.corporation_number).credit_checks
            if one.id == case.record_id
        ]
        assert old.is_live, f"the renewed record did not come back: {old}"
        assert _buy_check(case, console, renew=True).state is CheckState.SUCCESS
    else:
        assert _buy_check(case, console).state is CheckState.SUCCESS


def _call_and_get_code(call: object) -> str:
    """Call `call`. Return "done", or the error code if the call is refused."""
    try:
        call()  # type: ignore[operator]  # a lambda
    except ConsoleError as refusal:
        return refusal.code
    return "done"
