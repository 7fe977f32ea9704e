"""The command `show`: show one record. With `--pack` it also writes the record's evidence pack."""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.process.command import Command, ServiceCommand, parse_path
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Translator

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.views.any_record import AnyRecordDetails
    from console.services.evidence.pack import WrittenPack


@dataclass(frozen=True, slots=True)
class RecordWithPack:
    """The value that the command `show` returns: a record with the data of its screen, and the written evidence
    pack (None without `--pack`).
    """

    details: "AnyRecordDetails"
    pack: "WrittenPack | None"


def _show_record(console: "Console", args: Namespace, _: AnswerWriter) -> RecordWithPack:
    details = console.recovery.read_record(args.kind, args.id)
    if args.pack is None:
        return RecordWithPack(details, None)
    return RecordWithPack(details, console.recovery.write_evidence_pack(args.kind, args.id, parse_path(args.pack)))


def _build_shown_record_json(answer: RecordWithPack, translate: cli_json.TranslateFunction) -> cli_json.JsonObject:
    record_json = cli_json.build_record_details_json(answer.details, translate)
    return (
        record_json
        if answer.pack is None
        else {**record_json, "pack": cli_json.build_any_value_json(answer.pack, translate)}
    )


def _format_shown_record_lines(answer: RecordWithPack, translator: Translator) -> Iterator[str]:
    from console.cli.text_output.results import format_record_details_lines  # an answer in JSON needs no text

    yield from format_record_details_lines(answer.details, translator)
    pack = answer.pack
    if pack is not None:
        yield ""
        yield translator("pack.written", file=pack.file, size=pack.bytes, n=pack.files)
        yield translator("pack.sha256", sha256=pack.sha256)
        yield from (translator("pack.left_out", name=name) for name in pack.left_out)


COMMANDS: Mapping[str, Command] = {
    "show": ServiceCommand(_show_record, _build_shown_record_json, _format_shown_record_lines)
}
