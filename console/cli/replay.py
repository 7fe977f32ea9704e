"""The command `replay`. It gives the recorded answers of an evidence pack, or of each pack of a bundle, to this
version of the program. It reports each answer from which this version derives another outcome than the pack contains.

The adapters of the providers connect to a local server (`console/sandbox/recorded_answers.py`), which sends the
recorded answers. The command uses no provider, no database and no setting of this desk except the language.
"""

from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from console.cli.audit import make_damaged_pack_error, require_intact_evidence_pack
from console.cli.json_output.results import JsonObject
from console.cli.process.command import Command
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Translator
from console.domain.calendar_days import convert_to_local
from console.domain.clock import SystemClock, TimeScale
from console.domain.money import Money
from console.domain.payments.provider_messages import PaymentQuestion, PaymentRequest, RefundInstruction
from console.domain.payments.provider_registry import CREDIT_CHECK_PROVIDER, get_time_zone, list_provider_names
from console.domain.provider_outcome import Outcome
from console.domain.records import PurchaseRequest

if TYPE_CHECKING:
    from console.providers.credit_checks.provider import CreditCheckProvider
    from console.providers.payments.provider import PaymentProvider
    from console.sandbox.recorded_answers import RecordedAnswerServer
    from console.services.evidence.recorded_calls import RecordedCall
    from console.settings.settings import Settings

_PURCHASE_CALLS = frozenset({"purchase", "purchase.late"})
_REPORT_CALLS = frozenset({"detail", "renewal"})
_PDF_CALL = "pdf"
_PROBE_CALL = "probe"
"""Name of the recorded call of a credit check's probe. If the outcome of the purchase was unknown, the probe asked
AlarmBox for its list of purchases; for a bought credit check, it asked for the report."""
_LIST_KEY, _REPORT_KEY = b'"credit_checks"', b'"credit_check"'
"""Keys of AlarmBox's answers with a list of purchases, and with a report."""
_REFUND_CALL = "refund"
_REFUND_STATUS_CALL = "refund_status"
_START_CALL = "start"
_CANCEL_CALL = "cancel"
_ANSWER_NOT_DECRYPTED_REASON = "not_opened"
"""Recorded reason of an answer that this program could not decrypt. The replay sends the bytes of such an answer
unchanged, without encrypting them first.
"""
_LONGEST_TEXT_CHARACTERS = 2_000
"""Limit for a text of a recorded call."""
_FIRST_TOO_LARGE_ID = 1 << 63
"""Limit for an id or an amount of a recorded call: the first number that is too large."""
_AdapterCallFunction: TypeAlias = Callable[[], Outcome[Any]]
"""Type of a function that makes a recorded call again through the adapter of the provider."""
_CALLS_THAT_READ_PAYMENT = frozenset({"payment", "import", "poll", "probe", "resolve", "restore"})
"""Names of the recorded calls that ask a provider for a payment's state."""


@dataclass(frozen=True, slots=True)
class ReplayDifference:
    """A recorded answer of a provider from which this version of the program derives another outcome or reason than
    the evidence pack has. `call` has the recorded outcome and reason, `outcome` and `reason` are those of this
    version.
    """

    call: "RecordedCall"
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Result of a replay: the number of operations, the number of replayed answers, the number of answers that could
    not be replayed (`skipped_count`), and the answers from which this version derives another outcome. An answer
    can't be replayed if the provider did not answer, if the pack lacks the content that decided the outcome, or if
    this version can't make its call again: it doesn't know the provider or the call, or the pack lacks a record or an
    id that the call needs.
    """

    operation_count: int
    replayed_count: int
    skipped_count: int
    differences: tuple[ReplayDifference, ...]


class MalformedEvidencePack(Exception):
    """Raised for an evidence pack whose files fit their manifest, but whose contents don't have the form that this
    program writes.
    """


class ReplayPackCommand:
    """The command `replay PACK`. It writes the differences as its answer; they are not an error. Raises ConsoleError
    `audit_broken` if the pack is damaged or malformed, `usage` if PACK is no readable file.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        from console.services.evidence.pack_verification import FileProblem, iterate_packs

        writer.read_settings()
        verdict = require_intact_evidence_pack(args.pack)
        try:
            result = replay_packs(iterate_packs(Path(args.pack), verdict))
        except MalformedEvidencePack:
            failed_verification = replace(verdict, problems=(FileProblem(Path(args.pack).name, "unreadable"),))
            raise make_damaged_pack_error(failed_verification, args.pack) from None
        writer.write_answer(
            lambda: build_replay_json(result), lambda: list(format_replay_lines(result, writer.translator))
        )


def replay_packs(packs: Iterable[Path]) -> ReplayResult:
    """Replay the answers of intact evidence packs of one database, compare the outcomes with the recorded outcomes,
    and return the result. An answer that several packs contain is replayed once; for example, the pack of a refund
    also contains the answers about its payment. Raises MalformedEvidencePack if the contents of a pack don't have the
    form that this program writes."""
    from console.services.evidence.recorded_calls import MALFORMED_PACK_ERRORS, read_journal

    operations, evidence_ids = set[str](), set[int]()
    replayed_count, skipped_count, differences = 0, 0, list[ReplayDifference]()
    with _open_replay_adapters() as adapters:
        for pack in packs:
            try:
                journal = read_journal(pack)
                new_calls = [call for call in journal.calls if call.evidence_id not in evidence_ids]
                prepared_calls = [(call, adapters.prepare_call(call)) for call in new_calls]
            except MALFORMED_PACK_ERRORS as error:
                raise MalformedEvidencePack from error
            operations.update(journal.operation_ids)
            evidence_ids.update(call.evidence_id for call in new_calls)
            for call, send_call in prepared_calls:
                if send_call is None:
                    skipped_count += 1
                    continue
                outcome = adapters.repeat_call(call, send_call)
                replayed_count += 1
                if (outcome.kind.name, outcome.reason) != (call.outcome, call.reason):
                    differences.append(ReplayDifference(call, outcome.kind.name, outcome.reason))
    return ReplayResult(len(operations), replayed_count, skipped_count, tuple(differences))


class _ReplayAdapters:
    """The adapters of this version of the program, connected to the local server that sends recorded answers."""

    def __init__(self, answer_server: "RecordedAnswerServer", settings: "Settings") -> None:
        self._answer_server, self._settings = answer_server, settings

    def prepare_call(self, call: "RecordedCall") -> _AdapterCallFunction | None:
        """Return a function that makes the recorded call again. Return None if the call can't be made again: the
        provider did not answer, the pack lacks the content that decided the outcome, the provider or the call is
        unknown, or the pack lacks a record that the call needs. Raises one of MALFORMED_PACK_ERRORS if the pack has
        values that a call can't have."""
        if call.http_status is None or call.body is None:
            return None
        if call.provider == CREDIT_CHECK_PROVIDER:
            return _prepare_credit_check_call(self._make_credit_check_adapter(), call)
        return _prepare_payment_call(self._make_payment_adapter(call), call)

    def repeat_call(self, call: "RecordedCall", send_call: _AdapterCallFunction) -> Outcome[Any]:
        """Let the server send the recorded answer of `call`, make the call again with `send_call`, and return the
        outcome. Raises MalformedEvidencePack if the PDF of the answer can't be read from the pack."""
        from console.sandbox.recorded_answers import RecordedAnswer, encrypt_recorded_body
        from console.services.evidence.recorded_calls import MALFORMED_PACK_ERRORS

        try:
            status, body = call.http_status or 0, call.read_body()
        except MALFORMED_PACK_ERRORS as error:
            raise MalformedEvidencePack from error
        body = body if call.reason == _ANSWER_NOT_DECRYPTED_REASON else encrypt_recorded_body(call.provider, body)
        self._answer_server.answer = RecordedAnswer(status, call.headers, body)
        return send_call()

    def _make_credit_check_adapter(self) -> "CreditCheckProvider":
        """Return AlarmBox's adapter, connected to the local server."""
        from console.providers.alarmbox.client import make_alarmbox_adapter
        from console.providers.alarmbox.oauth import AlarmBoxConfig

        config = AlarmBoxConfig(self._answer_server.url, "replay", "replay", finds_purchases=True)
        return make_alarmbox_adapter(
            config,
            tokens=_FixedTokenStore(),
            rate_limiter=_UnlimitedRateLimiter(),
            clock=SystemClock(),
            scale=TimeScale(1.0),
        )

    def _make_payment_adapter(self, call: "RecordedCall") -> "PaymentProvider | None":
        """Return the adapter of the payment provider to which `call` was made, connected to the local server; None
        for an unknown provider."""
        from console.providers.payments.adapter_arguments import AdapterArguments
        from console.providers.payments.plugin import find_plugin
        from console.sandbox.recorded_answers import find_credentials_in_answer

        plugin = find_plugin(call.provider)
        if plugin is None:
            return None
        arguments = AdapterArguments(
            own_settings=self._settings.get_provider_settings(plugin),
            url=self._answer_server.url,
            secrets={
                **self._settings.read_secrets(plugin.name),
                **find_credentials_in_answer(call.provider, call.body or b""),
            },
            rate_limiter=_UnlimitedRateLimiter(),
            clock=SystemClock(),
            scale=TimeScale(1.0),
        )
        return plugin.make_adapter(arguments)


class _UnlimitedRateLimiter:
    """A rate limiter for replays. It lets every call start at once, because the calls only reach the local server."""

    def wait_for_start(self) -> None:
        return None


class _FixedTokenStore:
    """A token store that always returns one invented token."""

    def find_current_pair(self) -> Any:
        from console.providers.credit_checks.tokens import TokenPair

        return TokenPair("replay", "replay", None)

    def refresh_pair(self, *_: object, **__: object) -> Any:
        return self.find_current_pair()


@contextmanager
def _open_replay_adapters() -> Iterator[_ReplayAdapters]:
    """Start the local server that sends recorded answers, and yield the adapters that are connected to it. The server
    stops at the end of the block."""
    from console.sandbox.environment import credentials
    from console.sandbox.recorded_answers import RecordedAnswerServer
    from console.services.process.temporary_files import open_temporary_folder
    from console.settings.provider_access import list_required_secret_names
    from console.settings.settings import Settings

    # The sandbox has no credentials of a provider that it doesn't simulate. Any text works: the server checks none.
    names = [name for provider in list_provider_names() for name in list_required_secret_names(provider)]
    secrets = {f"CONSOLE_SECRET_{name}": str(getattr(credentials, name, "replay")) for name in names}
    with (
        RecordedAnswerServer().run_in_background() as answer_server,
        open_temporary_folder() as home,
    ):
        providers = (CREDIT_CHECK_PROVIDER, *list_provider_names())
        urls = {f"CONSOLE_{provider.upper()}_URL": answer_server.url for provider in providers}
        yield _ReplayAdapters(answer_server, Settings.load({"CONSOLE_HOME": str(home), **urls, **secrets}))


def _prepare_credit_check_call(adapter: "CreditCheckProvider", call: "RecordedCall") -> _AdapterCallFunction | None:
    """Return a function that makes a recorded call to AlarmBox again with `adapter`. Return None if the pack lacks
    the credit check of the call or AlarmBox's id of it, or the call is `resolve` or `restore`, which may have asked
    for an id that isn't the credit check's. Also return None for an unknown call, and for a `probe` of which it is
    unknown if it asked for the list of purchases or for the report."""
    if "corporation_number" not in call.record:
        return None
    number, id_at_provider = (
        _require_request_text(call.record["corporation_number"]),
        call.record.get("credit_check_id"),
    )
    if call.call_name in _PURCHASE_CALLS:
        request = PurchaseRequest(number, _require_request_text(call.record.get("client_id")))
        return lambda: adapter.buy_check(request)
    if id_at_provider is None:  # only the list is asked for by the number
        return (lambda: adapter.find_purchases(number)) if call.call_name == _PROBE_CALL else None
    id = _require_record_id(id_at_provider)
    if call.call_name == _PROBE_CALL:
        # The credit check may have got its id after the probe.
        if _LIST_KEY in (call.body or b""):
            return lambda: adapter.find_purchases(number)
        return (lambda: adapter.read_detail(id)) if _REPORT_KEY in (call.body or b"") else None
    if call.call_name in _REPORT_CALLS:
        return lambda: adapter.read_detail(id)
    return (lambda: adapter.read_pdf(id)) if call.call_name == _PDF_CALL else None


def _prepare_payment_call(adapter: "PaymentProvider | None", call: "RecordedCall") -> _AdapterCallFunction | None:
    """Return a function that makes a recorded call to a payment provider again with `adapter`; None if the adapter is
    None or the call can't be made again."""
    payment = next(
        (record for record in chain((call.record,), call.all_records) if record.get("kind") == "payment"), None
    )
    if adapter is None or payment is None:
        return None
    amount = Money(_require_record_id(payment["asked_minor"]), str(payment["currency"]))
    begun_at, paid_at = (payment[name] and _parse_instant(payment[name]) for name in ("begun_at", "paid_at"))
    number = _require_request_text(payment["merchant_payment_id"])
    if call.call_name in _CALLS_THAT_READ_PAYMENT or call.call_name == _CANCEL_CALL:
        day = convert_to_local(paid_at, get_time_zone(call.provider)).date() if paid_at else None
        question = PaymentQuestion(number, None, amount, begun_at, day, bool(payment["by_code"]))
        return lambda: adapter.cancel(question) if call.call_name == _CANCEL_CALL else adapter.read_payment(question)
    if call.call_name == _START_CALL:
        start_request = PaymentRequest(number, amount, begun_at or _parse_instant(payment["created_at"]))
        return lambda: adapter.start(start_request)
    refund_record = call.record
    if refund_record.get("kind") != "refund" or call.call_name not in (_REFUND_CALL, _REFUND_STATUS_CALL):
        return None
    order = RefundInstruction(
        key=_require_request_text(refund_record["provider_refund_key"]),
        merchant_payment_id=number,
        provider_payment_id=_require_request_text(payment["provider_payment_id"]),
        amount=Money(_require_record_id(refund_record["amount_minor"]), str(refund_record["currency"])),
        requested_at=_parse_instant(refund_record["created_at"]),
        reason=_require_request_text(refund_record.get("reason") or ""),
    )
    return lambda: adapter.refund(order) if call.call_name == _REFUND_CALL else adapter.read_refund(order)


def _require_request_text(value: object) -> str:
    """Return a value of the pack as text for a request. Raises ValueError if the text is longer than 2,000
    characters or not printable.
    """
    text = str(value)
    if len(text) > _LONGEST_TEXT_CHARACTERS or not text.replace("\n", " ").isprintable():
        raise ValueError("no text of a request")
    return text


def _require_record_id(value: object) -> int:
    """Return a value of the pack as a number: an id or an amount in minor units. Raises ValueError if it isn't a
    whole number from 0 to below `_FIRST_TOO_LARGE_ID`."""
    if type(value) is not int or not 0 <= value < _FIRST_TOO_LARGE_ID:
        raise ValueError("no number of ours")
    return value


def _parse_instant(text: str) -> datetime:
    """Return the instant of an ISO 8601 text in the pack. Raises ValueError for any other text."""
    from console.services.evidence.recorded_calls import parse_instant

    return parse_instant(text)


def build_replay_json(result: ReplayResult) -> JsonObject:
    """Return the answer of `replay` as a JSON object."""
    return {
        "operations": result.operation_count,
        "answers": result.replayed_count,
        "skipped": result.skipped_count,
        "differ": [
            {
                "operation_id": difference.call.operation_id,
                "evidence": difference.call.evidence_id,
                "at": difference.call.stored_at,
                "call": f"{difference.call.provider}.{difference.call.call_name}",
                "recorded": {"outcome": difference.call.outcome, "reason": difference.call.reason},
                "now": {"outcome": difference.outcome, "reason": difference.reason},
            }
            for difference in result.differences
        ],
    }


def format_replay_lines(result: ReplayResult, translator: Translator) -> Iterator[str]:
    """Yield the answer of `replay` as text."""
    counts = {"answers": result.replayed_count, "operations": result.operation_count, "skipped": result.skipped_count}
    yield translator("cli.replay.played", **counts, differ=len(result.differences))
    for difference in result.differences:
        call = difference.call
        yield translator(
            "cli.replay.differs",
            call=f"{call.provider}.{call.call_name}",
            at=_parse_instant(call.stored_at),
            before=f"{call.outcome} {call.reason}",
            after=f"{difference.outcome} {difference.reason}",
        )


COMMANDS: Mapping[str, Command] = {"replay": ReplayPackCommand()}
