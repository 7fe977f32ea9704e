"""The command `evidence`: write the evidence packs of several records to one file."""

from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import RECORD_AND_OPERATION_KINDS, make_usage_error
from console.cli.recovery.queues import parse_queue_filter
from console.cli.recovery.saved_views import require_usable_filter
from console.cli.text_output.translator import Translator
from console.domain.annotations.person_texts import is_blank
from console.domain.process import interrupts

if TYPE_CHECKING:
    from console.app import Console
    from console.services.evidence.pack_bundle import WrittenBundle


def _write_evidence_bundle(console: "Console", args: Namespace, writer: AnswerWriter) -> "WrittenBundle":
    """Write the evidence packs of the records that the arguments name to one file, and return the facts of the
    written file. Ctrl+C or SIGTERM stops the command before the next pack; the unfinished file is then deleted.
    Raises ConsoleError `usage` unless the arguments name exactly one of records, a queue and a search, or if they
    contain `--filter` without a queue; also raises the errors of `RecoveryService.write_evidence_bundle`.
    """
    if sum((bool(args.records), args.queue is not None, args.find is not None)) != 1 or (
        args.filter and args.queue is None
    ):
        raise make_usage_error("evidence: either records, or --queue with an optional --filter, or --find")

    def report_progress(written_count: int, pack_count: int) -> None:
        interrupts.raise_if_interrupt_pending()
        writer.show_progress("evidence", done=written_count, of=pack_count)

    records: Sequence[tuple[str, int | str]]
    if args.queue is not None:
        records = console.recovery.list_queue_subjects(args.queue, parse_queue_filter(console, args.filter))
    elif args.find is not None:
        records = _find_records(console, args.find, writer)
    else:
        records = [_parse_record_kind_and_id(text) for text in args.records]
    return console.recovery.write_evidence_bundle(records, Path(args.to), report_progress)


def _find_records(console: "Console", text: str, writer: AnswerWriter) -> Sequence[tuple[str, int]]:
    """Return kind and id of the records that a search finds: those of a day for `day:2026-11-20`. If the search can't
    examine all records, write this to stderr.

    Raises ConsoleError `usage` if a part of the text isn't used as a condition, because the file would then have the
    packs of other records than the person meant.
    """
    # Packs of named records, or of a queue, need no search.
    from console.domain.lookup.search_query import DAY_OPERATOR, SearchProblemKind
    from console.domain.queues.filter_text import FILTER_OPERATORS
    from console.domain.queues.filters import get_record_kind
    from console.services.evidence.pack_bundle import MAX_PACKS_PER_BUNDLE
    from console.wording.search import format_search_notes

    result = console.lookup.search(text, MAX_PACKS_PER_BUNDLE + 1)  # one more, so that too many records are refused
    second_kinds = (SearchProblemKind.SECOND_AMOUNT, SearchProblemKind.SECOND_DAY, SearchProblemKind.SECOND_VALUE)
    second_words = [problem.word for problem in result.query.problems if problem.kind in second_kinds]
    unread_words = [problem.word for problem in result.query.problems if problem.kind not in second_kinds]
    require_usable_filter(unread_words, second_words, (*FILTER_OPERATORS, DAY_OPERATOR))
    for note in format_search_notes(result, writer.translator):
        writer.write_to_stderr(note)
    return [(get_record_kind(record), record.id) for record in result.records]


def _parse_record_kind_and_id(text: str) -> tuple[str, str]:
    """Return kind and id of a text such as `payment/12`. Raises ConsoleError `usage` for a text of another form."""
    kind, _, id = text.partition("/")
    if kind not in RECORD_AND_OPERATION_KINDS or is_blank(id):
        raise make_usage_error(f"a record is needed, like payment/12: {text}")
    return kind, id


def _format_evidence_bundle_lines(bundle: "WrittenBundle", translator: Translator) -> Iterator[str]:
    yield translator("bundle.written", file=bundle.file, size=bundle.bytes, n=bundle.packs)
    yield translator("pack.sha256", sha256=bundle.sha256)
    yield from (translator("pack.left_out", name=name) for name in bundle.left_out)


COMMANDS: Mapping[str, Command] = {
    "evidence": ServiceCommand(_write_evidence_bundle, cli_json.build_any_value_json, _format_evidence_bundle_lines)
}
