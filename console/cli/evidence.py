"""The commands `show` (with `--pack`, it also writes the record's evidence pack) and `audit verify` (with `--pack`,
it verifies an evidence pack).
"""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.process.command import ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output import results as cli_text
from console.cli.text_output.translator import Translator
from console.domain.errors import ConsoleError, ErrorCode

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.error_details import AuditBroken
    from console.domain.views.any_record import AnyView
    from console.services.evidence.pack import PackWritten
    from console.services.evidence.pack_verification import PackVerdict


@dataclass(frozen=True, slots=True)
class RecordWithPack:
    """The value of the command `show`: the view of a record, and its evidence pack if `--pack` was given."""

    view: "AnyView"
    pack: "PackWritten | None"


def _show_record(console: "Console", args: Namespace, _: AnswerWriter) -> RecordWithPack:
    view = console.recovery.read_record(args.kind, args.id)
    if args.pack is None:
        return RecordWithPack(view, None)
    return RecordWithPack(view, console.recovery.write_evidence_pack(args.kind, args.id, Path(args.pack).absolute()))


def _view_json(answer: RecordWithPack, translate: cli_json.Translate) -> cli_json.JsonObject:
    data = cli_json.record_view_json(answer.view, translate)
    return data if answer.pack is None else {**data, "pack": cli_json.fact_json(answer.pack, translate)}


def _view_lines(answer: RecordWithPack, translator: Translator) -> Iterator[str]:
    yield from cli_text.record_view_lines(answer.view, translator)
    pack = answer.pack
    if pack is not None:
        yield ""
        yield translator("pack.written", file=pack.file, size=pack.bytes, n=pack.files)
        yield translator("pack.sha256", sha256=pack.sha256)
        yield from (translator("pack.left_out", name=name) for name in pack.left_out)


SHOW_COMMAND = ServiceCommand(_show_record, _view_json, _view_lines)


class VerifyAudit:
    """The command `audit verify`. It verifies the audit trail of the database; with `--pack` it verifies an evidence
    pack, which needs no database.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Verify the audit trail or the evidence pack, and write the answer.

        Raises ConsoleError `audit_broken`, which names the first wrong row or problem.
        """
        if args.pack is None:
            ServiceCommand(
                lambda console, _, __: console.audit.verify_chains(),
                cli_json.verification_json,
                cli_text.verification_lines,
            ).run(args, writer)
            return
        from console.services.evidence.pack_verification import verify_pack

        writer.read_settings()
        verdict = verify_pack(Path(args.pack))
        if not verdict.is_intact:
            raise _audit_broken_error(verdict, args.pack)
        facts = {"rows": verdict.rows, "first_bad": None, "files": verdict.files}
        line = writer.translator("pack.whole", rows=verdict.rows, n=verdict.files)
        writer.write_answer(lambda: facts, lambda: [line])


def _audit_broken_error(verdict: "PackVerdict", file: str) -> ConsoleError:
    """Return the error `audit_broken` about an evidence pack. Its text is the first problem of the pack; its facts
    contain all problems.
    """
    first = verdict.problems[0]
    problems: list[dict[str, object]] = [
        {"file": problem.file, "why": problem.code, "row": problem.row} for problem in verdict.problems
    ]
    bad = next((problem.row for problem in verdict.problems if problem.row is not None), None)
    detail: AuditBroken = {
        "problem": "pack",
        "file": file,
        "part": first.file,
        "why": first.code,
        "rows": verdict.rows,
    }
    return ConsoleError(ErrorCode.AUDIT_BROKEN, {**detail, "first_bad": bad, "problems": problems})
