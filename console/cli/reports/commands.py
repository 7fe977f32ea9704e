"""The commands `reports figures` (the figures of all charts of the screen Reports) and `reports close` (the daily
close of a provider).
"""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import parse_required_day
from console.cli.text_output.translator import Translator

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.reports.daily_close import DailyClose, WrittenDailyClose
    from console.domain.reports.figures import ReportFigures


def _read_report_figures(console: "Console", _: Namespace, __: AnswerWriter) -> "ReportFigures":
    return console.reports.read_figures()


def _build_report_figures_json(figures: "ReportFigures", _: TranslateFunction) -> JsonObject:
    from console.cli.reports.json_output import build_figures_json

    return build_figures_json(figures)


def _format_report_figure_lines(figures: "ReportFigures", translator: Translator) -> Iterator[str]:
    from console.cli.reports.text_output import format_figure_lines

    return format_figure_lines(figures, translator)


def _read_or_write_daily_close(
    console: "Console", args: Namespace, writer: AnswerWriter
) -> "DailyClose | WrittenDailyClose":
    """Return the daily close that the arguments name. With `--out` also write it to this file."""
    day = parse_required_day(args.day, "--day")
    if args.out is None:
        return console.reports.read_daily_close(args.provider, day)
    return console.daily_closes.write(args.provider, day, Path(args.out), writer.translator.language)


def _build_daily_close_answer_json(answer: "DailyClose | WrittenDailyClose", _: TranslateFunction) -> JsonObject:
    from console.cli.reports.daily_close_json import build_daily_close_json
    from console.domain.reports.daily_close import WrittenDailyClose

    if isinstance(answer, WrittenDailyClose):
        file = {"file": answer.file, "bytes": answer.bytes, "sha256": answer.sha256}
        return {**build_daily_close_json(answer.close), **file}
    return build_daily_close_json(answer)


def _format_daily_close_answer_lines(
    answer: "DailyClose | WrittenDailyClose", translator: Translator
) -> Iterator[str]:
    from console.domain.reports.daily_close import WrittenDailyClose
    from console.wording.daily_close import format_daily_close_lines

    if not isinstance(answer, WrittenDailyClose):
        yield from format_daily_close_lines(answer, translator.language)
        return
    yield from format_daily_close_lines(answer.close, translator.language)
    yield translator("close.written", file=answer.file)


COMMANDS: Mapping[str, Command] = {
    "reports figures": ServiceCommand(_read_report_figures, _build_report_figures_json, _format_report_figure_lines),
    "reports close": ServiceCommand(
        _read_or_write_daily_close, _build_daily_close_answer_json, _format_daily_close_answer_lines
    ),
}
