"""Each guarded action is declared by a constant. All actions of the program are registered, and an action that is
invented for these tests is treated like them. The invented action sends gift cards; `make_declaration` returns its
declaration.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from console import services
from console.app import Console
from console.domain.audit.actions import AuditAction
from console.domain.errors import ConsoleError, ErrorCode, rebuild_error
from console.domain.payments.provider_messages import StartedPayment
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.records import Operation, OperationState
from console.services.guarded.action import GuardedAction, GuardedService
from console.services.guarded.operation import (
    ClaimedOperation,
    ClaimedRecord,
    OutcomeUnrecorded,
    find_error_code_of_effect_call,
)
from console.services.process.context import ServiceContext
from console.services.process.failpoints import Failpoints
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.operations import journal
from console.store.spool.spool import SpoolState
from console.wording.sentences.catalogue import read_sentences
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.refusals import call_for_refusal

pytestmark = pytest.mark.engines("sqlite")
LONGER_THAN_A_LEASE = timedelta(minutes=5)
OUTCOME_BY_ANSWER: dict[str, Outcome[StartedPayment]] = {
    "sent": Outcome(OutcomeClass.SUCCEEDED, "sent", SendingCertainty.YES, StartedPayment("gift-1", "handle", None)),
    "refused": Outcome(OutcomeClass.FAILED_DEFINITE, "no_stock", SendingCertainty.YES),
    "silent": Outcome(OutcomeClass.UNKNOWN, "timeout", SendingCertainty.MAYBE),
}


# ---- the invented action: one constant, and its SQL

CREATE_TABLE_SQL = "CREATE TABLE gifts (id INTEGER PRIMARY KEY, state TEXT, handle TEXT)"


@dataclass
class GiftAttempt:
    """One attempt to send the gift card with the number `id`."""

    id: int
    provider: "GiftCardProvider"


class GiftCardProvider:
    """The simulated provider of the invented action: it always returns the configured answer, and counts the
    calls.
    """

    def __init__(self) -> None:
        self.answer, self.calls = OUTCOME_BY_ANSWER["sent"], 0

    def send_gift(self) -> Outcome[StartedPayment]:
        """Return the configured answer, and count the call."""
        self.calls += 1
        return self.answer


def read_state(conn: Connection, gift_id: int) -> str:
    """Return the stored state of the gift card."""
    return str(conn.exec_driver_sql("SELECT state FROM gifts WHERE id = ?", (gift_id,)).scalar_one())


def refuse_sent_gift(attempt: GiftAttempt, conn: Connection) -> None:
    """Raise `already_decided` if the gift card is in any other state than the one before its sending."""
    if read_state(conn, attempt.id) != "wanted":
        raise ConsoleError(ErrorCode.ALREADY_DECIDED, {"state": read_state(conn, attempt.id)})


def write_outcome(tx: Transaction, gift_id: int, outcome: Outcome[StartedPayment]) -> None:
    """Write the outcome of the call into the gift card."""
    states = {OutcomeClass.SUCCEEDED: "sent", OutcomeClass.FAILED_DEFINITE: "wanted"}
    handle = outcome.content.handle if outcome.content else None
    values = (states.get(outcome.kind, "unknown"), handle, gift_id)
    tx.conn.exec_driver_sql("UPDATE gifts SET state = ?, handle = ? WHERE id = ?", values)


def claim_gift(attempt: GiftAttempt, tx: Transaction, operation_id: str) -> ClaimedRecord:
    """Mark the gift card as being sent, and return its claim."""
    tx.conn.exec_driver_sql("UPDATE gifts SET state = 'sending' WHERE id = ?", (attempt.id,))
    return ClaimedRecord(
        "gift", attempt.id, None, None, f"gift:{operation_id}", "one card", payment_id=1, provider_key="gift-1"
    )


def make_result(_gift: GiftAttempt, claimed: ClaimedOperation, outcome: Outcome[StartedPayment]) -> int:
    """Return the id of the gift card if the outcome is that it was sent; otherwise raise the outcome's error."""
    if outcome.kind is OutcomeClass.SUCCEEDED:
        return claimed.subject.id
    raise rebuild_error(find_error_code_of_effect_call(outcome), {"reason": outcome.reason})


def add_gift_to_error(attempt: GiftAttempt, error: Exception) -> Exception:
    """If the error says that an outcome couldn't be recorded, add the gift card's id to its detail. Return the
    error.
    """
    if isinstance(error, OutcomeUnrecorded):
        error.detail["record"] = attempt.id  # type: ignore[typeddict-item]  # an invented record
    return error


def settle_gift(
    context: ServiceContext, tx: Transaction, operation_id: str, outcome: Outcome[StartedPayment], _key: str | None
) -> bool:
    """Write an outcome that the program has learnt late into the journal and the gift card. Return False if the
    operation doesn't exist.
    """
    operation = journal.find(tx.conn, operation_id)
    if operation is None or operation.subject_id is None:
        return False
    state = OperationState.DONE if outcome.kind is OutcomeClass.SUCCEEDED else OperationState.FAILED
    journal.settle_operation(tx.conn, operation_id, state, outcome, context.now())
    write_outcome(tx, operation.subject_id, outcome)
    return True


def write_lapse(_context: ServiceContext, tx: Transaction, operation: Operation) -> None:
    """Write into the gift card that its lapsed operation has an unknown outcome."""
    write_outcome(tx, operation.subject_id or 0, OUTCOME_BY_ANSWER["silent"])


def make_declaration() -> GuardedAction[GiftAttempt, ServiceContext, StartedPayment, int]:
    """Return the GuardedAction constant that declares the invented action."""
    return GuardedAction(
        name=AuditAction("gift.send"),
        kind="gift",
        right="purchase",
        has_effect=True,
        waits_for_lease=False,
        report_type=StartedPayment,
        prepare=lambda _gift: None,
        find_lease_name=lambda attempt: f"gift_{attempt.id}",
        check=refuse_sent_gift,
        claim=claim_gift,
        call=lambda attempt, _subject: attempt.provider.send_gift(),
        record_outcome=lambda _gift, tx, subject, outcome: write_outcome(tx, subject.id, outcome),
        make_exception_to_raise=add_gift_to_error,
        make_result=make_result,
        settle=settle_gift,
        record_lapse=write_lapse,
    )


# ---- the stage


class GiftCardDesk:
    """A desk on which the invented action is registered, with one gift card to send."""

    def __init__(self, place: Place, console: Console, patch: pytest.MonkeyPatch) -> None:
        self.place, self.console, self.context, self.cards = place, console, console._context, GiftCardProvider()
        machinery = console._action_builders
        action = make_declaration()
        self.sending = GuardedService(self.context, machinery._pipeline, action, lambda: self.context)
        registry = {**machinery.services_by_action, action.name: self.sending}
        patch.setitem(machinery.__dict__, "services_by_action", registry)
        place.sql(CREATE_TABLE_SQL, "INSERT INTO gifts VALUES (1, 'wanted', NULL)")

    def send_gift_guarded(self) -> int:
        """Send the gift card with id 1 as a guarded operation, and return the result of the action."""
        return self.sending.perform(GiftAttempt(1, self.cards), lambda _step: None, subject_id=1)

    @property
    def read_gift(self) -> str:
        """Return the stored state of the gift card."""
        return str(self.place.sql("SELECT state FROM gifts")[0][0])

    @property
    def read_journal_state(self) -> str:
        """Return the state of the newest journal row of the invented action."""
        return str(self.place.sql("SELECT state FROM operations WHERE action = 'gift.send'")[-1][0])

    def list_audit_entries(self) -> list[tuple[str, str]]:
        """Return the action and the result of each audit entry of the invented action, oldest first."""
        rows = self.place.sql("SELECT what, result FROM audit_log WHERE what LIKE 'gift.%' ORDER BY id")
        return [(str(what), str(result)) for what, result in rows]


@pytest.fixture
def gift_card_desk(
    place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[GiftCardDesk]:
    """Yield a desk with the invented action registered and one gift card to send."""
    monkeypatch.setitem(journal.MONEY_ACTION_BY_KIND, "gift", "gift.send")
    with place.desk(alarmbox, hand_clock) as console:
        yield GiftCardDesk(place, console, monkeypatch)


class OnceRaisingFailpoints(Failpoints):
    """Failpoints that raise an error when the code reaches one named failpoint for the first time."""

    def __init__(self, place: str, error: BaseException) -> None:
        super().__init__(None)
        self._place, self._errors = place, [error]

    def reach(self, name: str) -> None:
        if name == self._place and self._errors:
            raise self._errors.pop()


class ProcessKilled(BaseException):
    """Exception that simulates the end of the process by kill -9."""


def kill_process_at_failpoint(gift_card_desk: GiftCardDesk, failpoint: str) -> None:
    """Send the gift card, and simulate the end of the process by kill -9 at this failpoint: nothing is written
    afterwards.
    """

    def raise_process_killed(*_: object) -> object:
        raise ProcessKilled

    with pytest.MonkeyPatch.context() as patch:

        class KillingFailpoints(Failpoints):
            def reach(self, name: str) -> None:
                if name == failpoint:
                    patch.setattr(gift_card_desk.console.database, "write", raise_process_killed)
                    patch.setattr(gift_card_desk.context.spool, "store_answer", raise_process_killed)
                    raise ProcessKilled

        gift_card_desk.context.failpoints = KillingFailpoints(None)
        with pytest.raises(ProcessKilled):
            gift_card_desk.send_gift_guarded()
    gift_card_desk.context.failpoints = Failpoints(None)


# ---- pipeline, journal, audit trail


def test_the_pipeline_performs_an_invented_action(gift_card_desk: GiftCardDesk) -> None:
    """The pipeline performs the invented action with one call to its provider. The journal, the spool and the audit
    trail have entries as for any other action.
    """
    assert gift_card_desk.send_gift_guarded() == 1
    assert (gift_card_desk.read_gift, gift_card_desk.read_journal_state, gift_card_desk.cards.calls) == (
        "sent",
        "done",
        1,
    )
    assert gift_card_desk.list_audit_entries() == [("gift.send.started", "done")]
    (entry,) = gift_card_desk.context.spool.read_entries(gift_card_desk.context.database_id)
    assert (entry.intent.action, entry.state, entry.holds_claim) == ("gift.send", SpoolState.ENDED, True)


def test_a_refusal_is_audited(gift_card_desk: GiftCardDesk) -> None:
    """A gift card that was already sent is sent again: the action is refused before anything is written, and the
    refusal is audited.
    """
    gift_card_desk.send_gift_guarded()
    assert call_for_refusal(gift_card_desk.send_gift_guarded).code == "already_decided"
    assert (gift_card_desk.list_audit_entries()[-1], gift_card_desk.cards.calls) == (("gift.send", "refused"), 1)


def test_a_refused_call_releases_its_claim(gift_card_desk: GiftCardDesk) -> None:
    """The provider refuses the gift card: the caller gets the error that the action declares for this outcome, and
    the card can be sent again.
    """
    gift_card_desk.cards.answer = OUTCOME_BY_ANSWER["refused"]
    assert call_for_refusal(gift_card_desk.send_gift_guarded).code == "provider_refused"
    assert (gift_card_desk.read_gift, gift_card_desk.read_journal_state) == ("wanted", "failed")
    gift_card_desk.cards.answer = OUTCOME_BY_ANSWER["sent"]
    assert gift_card_desk.send_gift_guarded() == 1


# ---- spool, and recovery


@pytest.mark.expects_log("an outcome that could not be recorded is told")
def test_an_answer_that_was_not_recorded_is_delivered(gift_card_desk: GiftCardDesk) -> None:
    """The database fails after the call to the provider: the spool keeps the provider's answer, and a due task writes
    it into the database later.
    """
    gift_card_desk.context.failpoints = OnceRaisingFailpoints("before_tx2", RuntimeError("the database"))
    lost = call_for_refusal(gift_card_desk.send_gift_guarded)
    detail: Mapping[str, object] = lost.detail
    assert (lost.code, detail["record"], detail["provider_id"]) == ("outcome_unknown", 1, "gift-1")
    assert gift_card_desk.read_gift == "sending"
    gift_card_desk.console.recovery.run_all_tasks()
    assert (gift_card_desk.read_gift, gift_card_desk.read_journal_state, gift_card_desk.cards.calls) == (
        "sent",
        "done",
        1,
    )
    assert gift_card_desk.context.spool.list_undelivered_entries(gift_card_desk.context.database_id) == ()


def test_a_kill_before_the_call_is_settled_as_not_sent(gift_card_desk: GiftCardDesk, hand_clock: ManualClock) -> None:
    """A process is killed between its claim and the call to the provider: the due tasks settle the operation as not
    sent.
    """
    kill_process_at_failpoint(gift_card_desk, "after_tx1")
    hand_clock.at += LONGER_THAN_A_LEASE
    gift_card_desk.console.recovery.run_all_tasks()
    assert (gift_card_desk.read_gift, gift_card_desk.read_journal_state, gift_card_desk.cards.calls) == (
        "wanted",
        "failed",
        0,
    )


def test_a_kill_after_the_call_leaves_an_unknown_outcome(
    gift_card_desk: GiftCardDesk, hand_clock: ManualClock
) -> None:
    """A process is killed after the call to the provider, and its lease expires: the journal and the gift card's row
    have an unknown outcome, never a failure.
    """
    kill_process_at_failpoint(gift_card_desk, "after_send")
    with gift_card_desk.context.database.read() as conn:
        assert journal.list_lapsed_record_ids(conn, "gift") == frozenset()
    hand_clock.at += LONGER_THAN_A_LEASE
    with gift_card_desk.context.database.read() as conn:
        assert journal.list_lapsed_record_ids(conn, "gift") == {1}
        assert journal.list_lapsed_record_ids_by_kind(conn) == {"gift": {1}}
    gift_card_desk.console.recovery.run_all_tasks()
    assert (gift_card_desk.read_gift, gift_card_desk.read_journal_state, gift_card_desk.cards.calls) == (
        "unknown",
        "unknown",
        1,
    )


# ---- words, and the registry


def find_missing_words(action: GuardedAction[object, object, object, object], words: set[str]) -> set[str]:
    """Return the wording keys that an action needs and that the set `words` lacks."""
    needed_words = {
        f"operation.{action.name}",
        *(f"timeline.{action.name}.{end}" for end in ("started", "lapsed", "refused")),
    }
    return needed_words - words


@pytest.mark.parametrize("language", ["en", "ja"])
def test_every_registered_action_has_words(console: Console, language: str) -> None:
    """Each registered action has all the texts that the screens need for it, in both languages."""
    words = set(read_sentences(language))
    missing_words = {
        name: find_missing_words(service.action, words)
        for name, service in console._action_builders.services_by_action.items()
    }
    assert missing_words == {name: set() for name in missing_words}


def test_missing_words_of_the_invented_action_are_reported(gift_card_desk: GiftCardDesk) -> None:
    """The function that searches for missing wording keys reports the keys of the invented action, which has no
    texts.
    """
    assert find_missing_words(gift_card_desk.sending.action, set(read_sentences("en"))) == {  # type: ignore[arg-type]  # of any attempt
        "operation.gift.send",
        "timeline.gift.send.started",
        "timeline.gift.send.lapsed",
        "timeline.gift.send.refused",
    }


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    with place.desk(alarmbox, hand_clock) as desk:
        yield desk


def test_every_declared_action_is_registered(console: Console) -> None:
    """Each GuardedAction constant of the services is registered. For each action with effect, the journal uses the
    same name of the action and kind of record.
    """
    modules = (
        importlib.import_module(module_info.name)
        for module_info in pkgutil.walk_packages(services.__path__, "console.services.")
    )
    constants = {
        id(value): value for module in modules for value in vars(module).values() if isinstance(value, GuardedAction)
    }
    registry = console._action_builders.services_by_action
    assert {one.name for one in constants.values()} == set(registry)
    effects = {service.action.kind: name for name, service in registry.items() if service.action.has_effect}
    assert effects == journal.MONEY_ACTION_BY_KIND


def test_recovery_document_lists_every_ending_of_an_action(console: Console) -> None:
    """The file docs/recovery.md has a row for each registered action. The row names the ending `unknown` exactly if
    the action has an effect.
    """
    page = (Path(__file__).parents[3] / "docs" / "recovery.md").read_text("utf-8")
    rows = page.partition("## How a guarded action can end")[2].partition("\n**A process")[0].splitlines()
    endings: dict[str, list[str]] = {}
    for row in rows:
        if row.startswith("| `"):
            endings[row.split("`")[1]] = []
        if endings and row.startswith("| "):
            endings[list(endings)[-1]].append(row.split(" | ")[1])
    registry = console._action_builders.services_by_action
    assert set(endings) == set(registry)
    for name, service in registry.items():
        assert any("unknown" in ending for ending in endings[name]) is service.action.has_effect, name


@pytest.mark.parametrize(
    "wrong_fields",
    [{"has_effect": False}, {"kind": "payment"}, {"report_type": None}, {"settle": None}, {"name": "gift.burn"}],
)
def test_a_declaration_that_contradicts_itself_is_refused(
    gift_card_desk: GiftCardDesk, wrong_fields: dict[str, object]
) -> None:
    """The declaration of an action with effect is refused with ValueError if it says that the action only reads, if
    its name or its kind doesn't fit the journal's table of actions with effect, or if it lacks the type of the
    report or the function that settles the action later.
    """
    with pytest.raises(ValueError, match=r"gift\."):
        replace(gift_card_desk.sending.action, **wrong_fields)  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("interrupted", ErrorCode.PROVIDER_UNREACHABLE),
        ("stopped_before_sending", ErrorCode.PROVIDER_UNREACHABLE),
        ("authorise_again", ErrorCode.PROVIDER_AUTH),
    ],
)
def test_a_token_that_was_not_renewed_is_no_refusal_of_the_credentials(reason: str, code: ErrorCode) -> None:
    """The provider refused an outdated access token, and this program had to end before it got a new one: nobody
    needs to renew the credentials."""
    outcome: Outcome[object] = Outcome(OutcomeClass.AUTH, reason, SendingCertainty.YES)
    assert find_error_code_of_effect_call(outcome) is code


def test_the_decision_record_has_the_declaration_of_these_tests() -> None:
    """The example in the decision record 0028 is the declaration of the invented action in this module."""
    decisions = Path(__file__).resolve().parents[3] / "docs" / "decisions"
    record = (decisions / "0028-one-declaration.md").read_text(encoding="utf-8")
    shown = record.partition("+SEND: ")[2].partition("\n+)\n")[0].splitlines()[1:]
    run = inspect.getsource(make_declaration).partition("return GuardedAction(\n")[2].splitlines()[:-1]
    assert [line.removeprefix("+").strip() for line in shown] == [
        line.strip().replace('AuditAction("gift.send")', "AuditAction.GIFT_SEND") for line in run
    ]
