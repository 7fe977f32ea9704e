"""The commands `audit list`, `audit export` and `audit verify`, which with `--pack` verifies an evidence pack."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.json_output import audit as audit_json
from console.cli.json_output import results as cli_json
from console.cli.json_output.audit import AuditExport
from console.cli.process.command import Command, ServiceCommand, parse_path
from console.cli.process.output import AnswerWriter
from console.cli.text_output import audit as audit_text
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.records import AuditEntry
from console.domain.usage_problems import UsageProblem
from console.settings.private_files import is_folder

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.errors.details import AuditBrokenDetail
    from console.services.evidence.pack_verification import PackVerification


def _list_audit_entries(console: "Console", args: Namespace, _: AnswerWriter) -> tuple[AuditEntry, ...]:
    return console.audit.list_entries(args.limit, args.before)


def _export_audit_trail(console: "Console", args: Namespace, _: AnswerWriter) -> AuditExport:
    file = parse_path(args.file)
    return AuditExport(str(file), console.audit.export_csv(file, request_id=args.request_id))


class VerifyAuditCommand:
    """The command `audit verify`. It verifies the audit trail of the database; with `--pack` it verifies an evidence
    pack, which needs no database.
    """

    def run(self, args: Namespace, writer: AnswerWriter) -> None:
        """Verify the audit trail or the evidence pack, and write the answer. Raises ConsoleError `audit_broken` if a
        row of the trail is wrong or missing, or if the pack is damaged. The error names the first wrong row of the
        trail, or the first problem of the pack. Raises `usage` if the argument names no readable file.
        """
        if args.pack is None:
            ServiceCommand(
                lambda console, _, __: console.audit.verify_trail(),
                audit_json.build_audit_verification_json,
                audit_text.format_audit_verification_lines,
            ).run(args, writer)
            return
        writer.read_settings()
        verdict = require_intact_evidence_pack(args.pack)
        facts = {"rows": verdict.audit_row_count, "first_bad": None, "files": verdict.file_count}
        line = writer.translator("pack.whole", rows=verdict.audit_row_count, n=verdict.file_count)
        writer.write_answer(lambda: facts, lambda: [line])


def require_intact_evidence_pack(pack_file: str) -> "PackVerification":
    """Verify an evidence pack and return the verdict. Raises ConsoleError `usage` if there is no readable file, such
    as after a typing error in the path, or if the path is that of a folder; `audit_broken` if the file is damaged or
    isn't an evidence pack.
    """
    from console.services.evidence.pack_verification import verify_pack

    if not _is_readable_file(Path(pack_file)):
        is_path_of_folder = is_folder(Path(pack_file))
        problem = UsageProblem.FOLDER_FOR_FILE if is_path_of_folder else UsageProblem.NO_READABLE_FILE
        raise ConsoleError(ErrorCode.USAGE, {"problem": problem, "file": pack_file})
    verdict = verify_pack(Path(pack_file))
    if not verdict.is_intact:
        raise make_damaged_pack_error(verdict, pack_file)
    return verdict


def _is_readable_file(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe would never end
            return False
        with path.open("rb"):
            return True
    except OSError:
        return False


def make_damaged_pack_error(verdict: "PackVerification", file: str) -> ConsoleError:
    """Return the error `audit_broken` about an evidence pack that failed verification. The error's sentence names the
    first problem in `verdict`, the result of the verification; its detail lists all problems. `file` is the path of
    the pack."""
    first_problem = verdict.problems[0]
    problems: list[dict[str, object]] = [
        {"file": problem.file, "why": problem.code, "row": problem.row} for problem in verdict.problems
    ]
    first_bad_row = next((problem.row for problem in verdict.problems if problem.row is not None), None)
    detail: AuditBrokenDetail = {
        "problem": "pack",
        "file": file,
        "part": first_problem.file,
        "why": first_problem.code,
        "rows": verdict.audit_row_count,
    }
    return ConsoleError(ErrorCode.AUDIT_BROKEN, {**detail, "first_bad": first_bad_row, "problems": problems})


COMMANDS: Mapping[str, Command] = {
    "audit list": ServiceCommand(
        _list_audit_entries, cli_json.build_audit_page_json, audit_text.format_audit_page_lines
    ),
    "audit verify": VerifyAuditCommand(),
    "audit export": ServiceCommand(
        _export_audit_trail, audit_json.build_audit_export_json, audit_text.format_audit_export_lines
    ),
}
