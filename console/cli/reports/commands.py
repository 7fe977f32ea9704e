"""The command `reports figures`: the figures of all pictures of the screen Reports."""

from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, Translate
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output.translator import Translator

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.reports.figures import Figures


def _read_figures(console: "Console", _: Namespace, __: AnswerWriter) -> "Figures":
    return console.reports.read_figures()


def _figures_json(figures: "Figures", _: Translate) -> JsonObject:
    from console.cli.reports.json_output import figures_json

    return figures_json(figures)


def _figure_lines(figures: "Figures", translator: Translator) -> Iterator[str]:
    from console.cli.reports.text_output import figure_lines

    return figure_lines(figures, translator)


REPORT_COMMANDS: Mapping[str, Command] = {
    "reports figures": ServiceCommand(_read_figures, _figures_json, _figure_lines),
}
