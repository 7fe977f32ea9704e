"""Daily files of a provider. A notice announces a file with its download address. The program downloads the file
once, stores it as a document, and later reads the document.

Every person who has the download address can download the file, so the address is stored encrypted. PayPay's
addresses are valid for two hours; during one week PayPay announces a file again on request.
"""

import io
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import Any

from console.domain.error_reasons import OutcomeUnknownReason, UnusableAnswerReason
from console.domain.errors import ConsoleError, ErrorCode, make_outcome_error
from console.domain.errors.details import BadProfileDetail, OutcomeUnknownDetail, ProviderAnswerFacts
from console.domain.payments.states import PaymentState, RefundState
from console.domain.provider_outcome import Outcome, OutcomeClass, SendingCertainty
from console.domain.reconciliation.provider_rows import HistoryRow
from console.domain.setting_problems import SettingProblem
from console.providers.http.answer_outcomes import UNREADABLE_REASON
from console.providers.http.failure_outcomes import TOO_LARGE_REASON
from console.providers.payments.daily_files import DailyFileFunctions
from console.providers.payments.plugin import ProviderPlugin
from console.services.guarded.operation import OWN_FAILURE_ERROR_CODES
from console.services.payment_intake.notices import NOTICE_KIND
from console.services.payments.providers import make_adapter_arguments
from console.services.process.context import ServiceContext
from console.store.database.engine import Transaction
from console.store.database.sqlalchemy_names import Connection
from console.store.documents.documents import StoredDocument
from console.store.payments import events as payment_events
from console.store.payments.events import PaymentEvent
from console.store.reconciliation import our_records
from console.store.reconciliation.row_index import HistoryIndex
from console.store.records import evidence
from console.store.spool.cipher import DecryptionFailed

_DAILY_FILE_FIGURE_NAMES = ("bytes", "rows", "paid_minor", "refunded_minor")
"""Names of the figures of a daily file in the stored evidence; the fields of `StoredDailyFile` have the same
names."""


@dataclass(frozen=True, slots=True)
class StoredDailyFile:
    """The stored daily file of one day: the path of its document, the SHA-256 of its content, and figures about the
    content.

    `bytes` is the size in bytes, `rows` the number of lines; `paid_minor` and `refunded_minor` are the sums of the
    file's payments and refunds in minor units of yen. A figure is None if it was not computed when the file was
    stored.
    """

    day: date
    document: str
    sha256: str
    bytes: int | None = None
    rows: int | None = None
    paid_minor: int | None = None
    refunded_minor: int | None = None


def make_evidence_source(provider: str) -> str:
    """Return the value of the column `source` for evidence about a provider's daily files, e.g. `paypay.recon`."""
    return f"{provider}.recon"


def list_daily_files_of_record(
    conn: Connection, provider: str, kind: str, subject_id: int
) -> tuple[StoredDailyFile, ...]:
    """Return the provider's daily files that are stored as evidence of the record with the kind `kind` and the id
    `subject_id`; the oldest evidence first.
    """
    evidence_items = [
        item
        for item in evidence.find_by_subject(conn, kind, subject_id)
        if item.source == make_evidence_source(provider)
    ]
    return tuple(_parse_stored_file(item.body, item.sha256) for item in evidence_items)


def find_merchant_id(context: ServiceContext, provider: str, files: DailyFileFunctions[Any]) -> str:
    """Return our merchant id at the provider, which the daily files contain; `""` if this desk has no merchant id.
    May read the keyring.
    """
    return context.settings.read_secret(f"{provider.upper()}_{files.merchant_id_credential}") or ""


def encrypt_download_address(context: ServiceContext, url: str) -> str:
    """Encrypt the download address `url` of a daily file with the store key, and return it as JSON text. Raises
    bad_profile on a desk without a store key.
    """
    return json.dumps({"sealed": context.cipher.encrypt(url.encode()).decode()})


class DailyFileStore:
    """Finds, downloads and stores the daily files of one provider, for reconciliations."""

    def __init__(self, context: ServiceContext, plugin: ProviderPlugin[Any], files: DailyFileFunctions[Any]) -> None:
        self._context, self._plugin, self._source = context, plugin, plugin.name
        self.daily = files

    @property
    def merchant_id(self) -> str:
        """Our merchant id at the provider, which the files contain; `""` if this desk has no merchant id."""
        return find_merchant_id(self._context, self._source, self.daily)

    def require_announcing_notice(self, day: date) -> PaymentEvent:
        """Return the newest notice that announces the file of `day`. Raises outcome_unknown if no file of this day is
        announced.
        """
        with self._context.database.read() as conn:
            event_id = our_records.find_announced_event_id(conn, self._source, day.isoformat())
            event = payment_events.find_by_event_id(conn, self._source, event_id) if event_id else None
        if event is None:
            raise ConsoleError(ErrorCode.OUTCOME_UNKNOWN, self._describe_missing_file(day.isoformat()))
        return event

    def find_stored_file(self, event: PaymentEvent) -> StoredDailyFile | None:
        """Return the stored file that the notice `event` announces; None if the file was not downloaded yet."""
        return next(iter(self.list_files(NOTICE_KIND, event.id)), None)

    def list_files(self, kind: str, subject_id: int) -> tuple[StoredDailyFile, ...]:
        """Return the daily files that are stored as evidence of the notice or reconciliation run of the kind `kind`
        and the id `subject_id`."""
        with self._context.database.read() as conn:
            return list_daily_files_of_record(conn, self._source, kind, subject_id)

    def read_content(self, file: StoredDailyFile) -> bytes:
        """Return the stored content of the file, after comparing it with its SHA-256. Raises not_found if the
        document is missing or differs from its SHA-256, documents_unreachable if the storage of the documents can't
        be reached."""
        return self._context.documents.read(file.document, file.sha256)

    def download_file(self, event: PaymentEvent) -> bytes:
        """Download the file that `event` announces, and return its content. Raises outcome_unknown if the address
        can't be decrypted or the download was cut off; bad_profile if the address's host is not allowed;
        provider_unreachable if nothing was sent; provider_auth if the server answers with HTTP status 401;
        rate_limited if the server answers with 429; provider_refused if the server answers with 403, 404 or 410,
        because it no longer has the file; provider_answer_unusable if the content can't be read; an error with a code
        of OWN_FAILURE_ERROR_CODES if this installation fails."""
        outcome = self.daily.download_file(
            self._decrypt_address(event), make_adapter_arguments(self._context, self._plugin)
        )
        if outcome.content is None:
            raise _make_download_error(outcome, event)
        return outcome.content

    def _decrypt_address(self, event: PaymentEvent) -> str:
        try:
            return self._context.cipher.decrypt(json.loads(event.body)["sealed"].encode()).decode()
        except (DecryptionFailed, ValueError, KeyError, TypeError):
            raise ConsoleError(ErrorCode.OUTCOME_UNKNOWN, self._describe_missing_file(event.order_no)) from None

    def _describe_missing_file(self, day: str | None) -> OutcomeUnknownDetail:
        return {"reason": OutcomeUnknownReason.NO_DAILY_FILE_ANNOUNCED, "provider": self._source, "day": day}

    def store_file(self, event: PaymentEvent, content: bytes) -> StoredDailyFile:
        """Store the content as a document and as evidence of the notice `event`, which has announced the file. Return
        the file with its figures.
        """
        stored_document = self._context.documents.store(content, "csv")
        day = date.fromisoformat(str(event.order_no))
        figures = _compute_file_figures(self.daily, content, self.merchant_id, day)
        file = StoredDailyFile(day, stored_document.path, stored_document.sha256, stored_document.bytes, *figures)
        self._context.write(lambda tx: self.store_evidence(tx, NOTICE_KIND, event.id, file, stored_document))
        return file

    def store_evidence(
        self,
        tx: Transaction,
        kind: str,
        subject_id: int,
        file: StoredDailyFile,
        stored_document: StoredDocument | None = None,
    ) -> int:
        """Store the file's SHA-256 and figures as evidence of the record with the kind `kind` and the id
        `subject_id`; with `stored_document`, also attach that document to the record. Return the id of the evidence.
        """
        context = self._context
        figures = {name: getattr(file, name) for name in _DAILY_FILE_FIGURE_NAMES if getattr(file, name) is not None}
        content = {"day": file.day.isoformat(), "document": file.document, **figures}
        answer: Outcome[None] = Outcome(
            OutcomeClass.SUCCEEDED,
            "recon_file",
            SendingCertainty.YES,
            status=200,
            evidence=json.dumps(content),
            sha256=file.sha256,
        )
        operator = context.make_holder().operator
        if stored_document is not None:
            evidence.add_document(
                tx.conn,
                subject_id,
                kind,
                stored_document.path,
                stored_document.sha256,
                stored_document.bytes,
                context.now(),
            )
        return evidence.add_answer(
            tx.conn, (kind, subject_id), None, make_evidence_source(self._source), operator, answer, context.now()
        )


def _parse_stored_file(body: str, sha256: str) -> StoredDailyFile:
    content = json.loads(body)
    figures = {name: content[name] for name in _DAILY_FILE_FIGURE_NAMES if type(content.get(name)) is int}
    return StoredDailyFile(date.fromisoformat(content["day"]), content["document"], sha256, **figures)


def _compute_file_figures(
    files: DailyFileFunctions[Any], content: bytes, merchant_id: str, day: date
) -> tuple[int, int, int]:
    """Return three figures about the daily file `content` of the day `day`: the number of its rows, the sum of its
    successful payments, and the sum of its completed refunds. The two sums are in minor units. `merchant_id` is our
    merchant id at the provider.
    """
    row_count = paid_minor = refunded_minor = 0
    with closing(HistoryIndex()) as history_index:
        for row in files.read_rows(io.BytesIO(content), merchant_id, day, history_index):
            row_count += 1
            if isinstance(row, HistoryRow) and row.refund_state is RefundState.COMPLETED:
                refunded_minor += row.amount.minor
            elif (
                isinstance(row, HistoryRow) and row.refund_state is None and row.state is PaymentState.PAYMENT_SUCCESS
            ):
                paid_minor += row.amount.minor
    return row_count, paid_minor, refunded_minor


_ERROR_CODE_OF_HTTP_STATUS = {401: ErrorCode.PROVIDER_AUTH, 429: ErrorCode.RATE_LIMITED}


def _make_download_error(outcome: Outcome[bytes], event: PaymentEvent) -> ConsoleError:
    """Return the error for a failed download of a daily file. `outcome` is the outcome of the download; `event` is
    the event that announced the file."""
    facts: ProviderAnswerFacts = {"day": event.order_no, "cause": outcome.reason, "status": outcome.status}
    if outcome.reason == "address_not_allowed":
        detail: BadProfileDetail = {"day": event.order_no, "cause": outcome.reason, "status": outcome.status}
        variable, problem = f"{event.source}.recon_hosts", SettingProblem.HOST_NOT_ALLOWED
        return ConsoleError(ErrorCode.BAD_PROFILE, {**detail, "variable": variable, "problem": problem})
    if outcome.reason in OWN_FAILURE_ERROR_CODES:
        return make_outcome_error(ErrorCode(outcome.reason), facts)
    if outcome.sent is SendingCertainty.NO:
        return make_outcome_error(ErrorCode.PROVIDER_UNREACHABLE, facts)
    if outcome.status in _ERROR_CODE_OF_HTTP_STATUS:
        return make_outcome_error(_ERROR_CODE_OF_HTTP_STATUS[outcome.status], facts)
    if outcome.status in (403, 404, 410):
        return make_outcome_error(
            ErrorCode.PROVIDER_REFUSED, {**facts, "provider": event.source, "reason": "recon_file_gone"}
        )
    if outcome.reason in (UNREADABLE_REASON, "redirect", TOO_LARGE_REASON):
        return make_outcome_error(
            ErrorCode.PROVIDER_ANSWER_UNUSABLE, {**facts, "reason": UnusableAnswerReason.DAILY_FILE_UNREADABLE}
        )
    return make_outcome_error(
        ErrorCode.OUTCOME_UNKNOWN, {**facts, "reason": OutcomeUnknownReason.DAILY_FILE_NOT_READ}
    )


def list_days(first_day: date, last_day: date) -> Sequence[date]:
    """Return all days from `first_day` to `last_day`, including both."""
    return [date.fromordinal(number) for number in range(first_day.toordinal(), last_day.toordinal() + 1)]
