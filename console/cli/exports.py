"""The commands `export LIST`, which write a list to a file for a spreadsheet."""

import shlex
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Lines, Translator
from console.domain.exports.tables import ExportRequest, ListName, WrittenExport
from console.domain.process import interrupts

if TYPE_CHECKING:
    from console.app import Console


def _write_export(console: "Console", args: Namespace, writer: AnswerWriter) -> WrittenExport:
    """Write the list that the arguments name to a file, in the language of the command. Return the facts of the
    written file. Ctrl+C or SIGTERM stops the export before its next page; the unfinished file is then deleted.
    """
    request = ExportRequest(
        ListName(args.action), getattr(args, "subject", None) or "", getattr(args, "part", None) or ""
    )

    def report_progress(row_count: int) -> None:
        interrupts.raise_if_interrupt_pending()
        if row_count:
            writer.show_progress("export", rows=row_count)

    export = console.exports.write(request, Path(args.to), writer.translator.language, report_progress)
    if request.name is ListName.COMPANIES:
        _warn_about_ignored_record_conditions(request.subject, writer)
    return export


def _warn_about_ignored_record_conditions(text: str, writer: AnswerWriter) -> None:
    """If the searched text has operators for records, such as `status:unknown`, write to stderr that the exported
    list contains only companies, and name the command that exports records."""
    from console.domain.lookup.search_query import list_typed_operators  # no other list needs it

    operators = list_typed_operators(text)
    if operators:
        conditions = ", ".join(operators)
        writer.write_to_stderr(
            writer.translator("export.companies_only", conditions=conditions, text=shlex.quote(text))
        )


def _build_export_json(export: WrittenExport, _: TranslateFunction) -> JsonObject:
    return {"file": export.file, "rows": export.row_count, "bytes": export.bytes, "notes": export.notes}


def _format_export_lines(export: WrittenExport, translator: Translator) -> Lines:
    return (translator("export.written", rows=export.row_count, file=export.file), *export.notes)


COMMANDS: Mapping[str, Command] = {
    f"export {name}": ServiceCommand(_write_export, _build_export_json, _format_export_lines) for name in ListName
}
