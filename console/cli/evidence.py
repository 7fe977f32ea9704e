"""The command `show`: one record; with `--pack` it also writes the record's evidence pack."""

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

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.views.any_record import AnyView
    from console.services.evidence.pack import PackWritten


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
