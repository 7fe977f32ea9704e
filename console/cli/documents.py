"""The commands `documents list`, `documents save` and `documents compare`: list the stored versions of a credit
check's PDF, save a copy of one version, and show the differences of two versions.
"""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from console.cli.json_output.records import build_document_json
from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.command import Command, ServiceCommand, parse_row_id
from console.cli.process.output import AnswerWriter
from console.cli.text_output.records import format_document_table
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.process import interrupts
from console.domain.records import Document

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.documents.comparison import DocumentComparison
    from console.services.exports.pdf_copies import SavedPdf

_CREDIT_CHECK_KIND = "credit-check"


class _DocumentList(NamedTuple):
    """The stored versions of a PDF (`versions`), newest first, and their numbers of pages by SHA-256 (`page_counts`).
    Only the pages of the newest five versions are counted. `page_counts` lacks a version whose pages can't be read;
    it is empty if the storage of the documents can't be reached."""

    versions: tuple[Document, ...]
    page_counts: Mapping[str, int]


def _list_document_versions(console: "Console", args: Namespace, _: AnswerWriter) -> _DocumentList:
    record_id = parse_row_id(_CREDIT_CHECK_KIND, args.id)
    versions = console.pdfs.list_versions(record_id)
    try:
        return _DocumentList(versions, console.pdfs.count_pages(record_id))
    except ConsoleError as error:
        if error.code is not ErrorCode.DOCUMENTS_UNREACHABLE:
            raise
        return _DocumentList(versions, {})  # the list itself is in the database


def _build_document_list_json(documents: _DocumentList, translate: TranslateFunction) -> JsonObject:
    return {
        "documents": [
            build_document_json(version, translate) | {"pages": documents.page_counts.get(version.sha256)}
            for version in documents.versions
        ]
    }


def _format_document_list_lines(documents: _DocumentList, translator: Translator) -> Lines:
    return format_document_table(documents.versions, translator, documents.page_counts)


def _compare_document_versions(console: "Console", args: Namespace, writer: AnswerWriter) -> "DocumentComparison":
    """Compare two versions of a credit check's PDF, and return their differences. Ctrl+C or SIGTERM cancels the
    comparison before its next page."""

    def report_progress(page_index: int, page_count: int) -> None:
        interrupts.raise_if_interrupt_pending()
        writer.show_progress("compare", page=page_index + 1, pages=page_count)

    with console.pdfs.open_comparison(parse_row_id(_CREDIT_CHECK_KIND, args.id), args.old, args.new) as comparison:
        return comparison.compare(report_progress)


def _build_comparison_json(comparison: "DocumentComparison", _: TranslateFunction) -> JsonObject:
    return {
        "old_pages": comparison.old_page_count,
        "new_pages": comparison.new_page_count,
        "differences": [
            {
                "page": difference.page_index + 1,
                "kind": difference.kind.value,
                "old": difference.old_text,
                "new": difference.new_text,
                "reason": difference.reason or None,
            }
            for difference in comparison.differences
        ],
        "pages_without_text": comparison.textless_page_count,
        "cut": comparison.is_incomplete,
    }


def _format_comparison_lines(comparison: "DocumentComparison", translator: Translator) -> Iterator[str]:
    from console.wording.documents import format_comparison_summary_lines, format_page_difference_line

    yield from format_comparison_summary_lines(comparison, translator.language)
    for difference in comparison.differences:
        yield format_page_difference_line(difference, translator.language)


def _save_pdf_copy(console: "Console", args: Namespace, _: AnswerWriter) -> "SavedPdf":
    return console.pdf_copy_writer.save(parse_row_id(_CREDIT_CHECK_KIND, args.id), Path(args.to), args.sha256)


def _build_saved_pdf_json(saved_pdf: "SavedPdf", _: TranslateFunction) -> JsonObject:
    return asdict(saved_pdf)


def _format_saved_pdf_lines(saved_pdf: "SavedPdf", translator: Translator) -> Lines:
    return (translator("pdf.saved", file=saved_pdf.file, size=saved_pdf.bytes),)


COMMANDS: Mapping[str, Command] = {
    "documents list": ServiceCommand(_list_document_versions, _build_document_list_json, _format_document_list_lines),
    "documents save": ServiceCommand(_save_pdf_copy, _build_saved_pdf_json, _format_saved_pdf_lines),
    "documents compare": ServiceCommand(_compare_document_versions, _build_comparison_json, _format_comparison_lines),
}
