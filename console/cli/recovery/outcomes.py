"""The commands `probe` (query the provider about a record) and `resolve` (decide an unknown outcome by evidence)."""

import errno
import os
from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from console.cli.json_output import results as cli_json
from console.cli.json_output.records import AnyRecord, TranslateFunction
from console.cli.process.command import Command, ServiceCommand, parse_id_at_provider, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import make_usage_error
from console.cli.text_output import results as cli_text
from console.cli.text_output.translator import Lines, Translator
from console.domain.calendar_days import parse_day
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.errors.details import UnusableEvidenceReason
from console.domain.payments.outside_refunds import OutsideRefund
from console.domain.payments.states import DONE_OUTSIDE
from console.domain.reason import ForeignText
from console.domain.recovery.decision_reasons import LONGEST_DECISION_REASON_CHARACTERS, DecisionReason, StatedReason
from console.domain.usage_problems import UsageProblem
from console.settings.private_files import is_folder, is_ordinary_file

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.views.any_record import ResolveResult
    from console.wording.records import ShownRecord

# File suffixes of evidence. An argument with such a suffix must name an existing file; it is no written statement.
_EVIDENCE_FILE_SUFFIXES = frozenset(
    (
        ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".webp", ".heic", ".bmp", ".eml", ".msg", ".txt",
        ".csv", ".doc", ".docx", ".xls", ".xlsx", ".html", ".htm", ".json", ".xml", ".zip",
    )
)  # fmt: skip

_NO_PATH_ERROR_NUMBERS = (errno.ENAMETOOLONG, errno.EINVAL)
"""Error numbers (`OSError.errno`) which mean that a text can't be a path: it is too long, or Windows doesn't allow
one of its characters."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The value that the command `probe` returns: the record after the probe (`record`) and before it
    (`record_before`). `record_before` is None if the command names an operation, or if the record could not be read
    before the probe."""

    record: AnyRecord
    record_before: "ShownRecord | None"


def _probe_record(console: "Console", args: Namespace, _: AnswerWriter) -> ProbeResult:
    record_before = None
    if args.kind != "operation":
        with suppress(ConsoleError):  # the probe itself raises it, and writes the refusal into the audit trail
            record_ref = args.kind, parse_row_id(args.kind, args.id)
            record_before = console.lookup.read_records([record_ref]).get(record_ref)
    return ProbeResult(console.recovery.probe(args.kind, args.id, request_id=args.request_id), record_before)


def _build_probe_json(result: ProbeResult, translate: TranslateFunction) -> cli_json.JsonObject:
    return cli_json.build_record_json(result.record, translate)


def _format_probe_lines(result: ProbeResult, translator: Translator) -> Lines:
    return cli_text.format_probe_lines(result.record, result.record_before, translator)


def _resolve_record(console: "Console", args: Namespace, _: AnswerWriter) -> "ResolveResult":
    proof = _parse_evidence(args.evidence)
    if args.as_state != DONE_OUTSIDE and (args.amount, args.day) != (None, None):
        # The person may mean a part of the money; another decision is about all of it.
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.AMOUNT_AND_DAY_ONLY_FOR_OUTSIDE})
    if args.kind == "payment" and args.as_state == DONE_OUTSIDE:
        id_at_provider: int | str | None = _make_outside_refund_statement(console, args)
    else:
        id_at_provider = parse_id_at_provider(args.kind, args.provider_id)
    arguments = (args.kind, args.id, args.as_state, proof, id_at_provider, args.saw)
    return console.recovery.resolve(*arguments, _parse_stated_reason(args), request_id=args.request_id)


def _make_outside_refund_statement(console: "Console", args: Namespace) -> str:
    """Return the statement of the refund done outside that `--amount` (in the payment's currency) and `--day` name.
    Raises ConsoleError `usage` if the day is missing or has another form, or with `--provider-id`; `invalid_amount`
    if the amount is missing or is no amount of the currency, and not_found if there is no such payment."""
    from console.services.refunds.request import parse_amount  # only this decision needs it

    if args.provider_id is not None:
        raise make_usage_error("--provider-id: the provider has no id of a refund done outside")
    payment = console.payments.read_payment(parse_row_id(args.kind, args.id)).record
    try:
        day = parse_day(args.day or "")
    except ValueError:
        raise ConsoleError(ErrorCode.USAGE, {"problem": UsageProblem.INVALID_OUTSIDE_REFUND}) from None
    return OutsideRefund(parse_amount(args.amount or "", payment), day).format_statement()


def _parse_stated_reason(args: Namespace) -> StatedReason | None:
    """Return the stated reason (a decision reason and the person's own words) from the options `--reason-code` and
    `--reason`. Return None if neither is given; scripts may leave the reason out. Raises ConsoleError `usage` if only
    one of them is given.
    """
    if args.reason_code is None and args.reason is None:
        return None
    if args.reason_code is None or args.reason is None:
        raise ConsoleError(
            ErrorCode.USAGE,
            {"problem": UsageProblem.INVALID_DECISION_REASON, "longest": LONGEST_DECISION_REASON_CHARACTERS},
        )
    return StatedReason(DecisionReason(args.reason_code), args.reason)


def _parse_evidence(argument: str) -> str | Path:
    """Return the evidence that the argument `--evidence` names: a path if the argument is the name of a file,
    otherwise the argument itself as a written statement.

    Raises ConsoleError `no_evidence` for a folder (is_folder), and for a pipe or another special file (special_file);
    for a path that can't be read now, because this user may not search a folder or its disk was removed; and
    (no_such_file) for a symbolic link whose target doesn't exist, and for a missing file whose name ends like a file
    of evidence.
    """
    path = Path(argument)
    try:
        if is_ordinary_file(path):
            return path
        if argument and path.exists():
            # A shell gives `<(command)` as the name of a pipe; this name says nothing about the record.
            _refuse_evidence(argument, "is_folder" if is_folder(path) else "special_file")
        is_missing = os.path.lexists(path) or _has_name_of_evidence_file(path)
    except ValueError:  # with a character that no path has
        is_missing = _has_name_of_evidence_file(path)
    except OSError as error:  # a statement may be too long for a path; other errors are those of a file or its disk
        if error.errno not in _NO_PATH_ERROR_NUMBERS:
            problem = ForeignText(os.strerror(error.errno or 0))
            raise ConsoleError(ErrorCode.NO_EVIDENCE, {"file": argument, "problem": problem}) from error
        is_missing = _has_name_of_evidence_file(path)
    if argument and is_missing:
        _refuse_evidence(argument, "no_such_file")
    return argument


def _refuse_evidence(argument: str, reason: UnusableEvidenceReason) -> NoReturn:
    """Raise ConsoleError `no_evidence`: the path `argument` is no file of evidence, for this reason."""
    raise ConsoleError(ErrorCode.NO_EVIDENCE, {"reason": reason, "file": argument})


def _has_name_of_evidence_file(path: Path) -> bool:
    """Return True if the text was probably meant as the name of a file: the path ends like a file of evidence and has
    no white space, which a written statement would have."""
    return path.suffix.lower() in _EVIDENCE_FILE_SUFFIXES and not any(map(str.isspace, str(path)))


COMMANDS: Mapping[str, Command] = {
    "probe": ServiceCommand(_probe_record, _build_probe_json, _format_probe_lines),
    "resolve": ServiceCommand(_resolve_record, cli_json.build_resolution_json, cli_text.format_resolution_lines),
}
