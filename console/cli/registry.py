"""The commands `registry …`: find corporations in the corporation registry, import files into it, and show its
status and its changes.
"""

import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from console.cli.json_output.results import JsonObject, TranslateFunction
from console.cli.process.command import Command, ServiceCommand, parse_path
from console.cli.process.output import AnswerWriter
from console.cli.process.parser import make_usage_error, parse_day
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError
from console.domain.process import interrupts

if TYPE_CHECKING:
    from console.app import Console
    from console.domain.registry.corporations import (
        CorporationChange,
        ImportProgress,
        RegistryMatches,
        RegistryStatus,
    )
    from console.domain.registry.facts import CorporationFacts

_SECONDS_BETWEEN_PROGRESS_LINES = 1.0


# -- find


def _find_corporations(console: "Console", args: Namespace, _: AnswerWriter) -> "RegistryMatches":
    return console.registry.find(" ".join(args.text), args.prefecture, args.limit)


def _build_registry_matches_json(matches: "RegistryMatches", translate: TranslateFunction) -> JsonObject:
    from console.cli.json_output.registry import build_registry_matches_json

    return build_registry_matches_json(matches, translate)


def _format_registry_matches_lines(matches: "RegistryMatches", translator: Translator) -> Lines:
    from console.cli.text_output.registry import format_registry_matches_lines

    return format_registry_matches_lines(matches, translator)


# -- before a purchase


def read_facts_and_warn_if_closed(console: "Console", text: str, writer: AnswerWriter) -> "CorporationFacts | None":
    """Return the facts of the corporation registry about the corporation with the number `text`. Return None if this
    desk has no registry, if the person may not read it, if `text` is no corporation number, or if the facts can't be
    read. If the registry doesn't have the number, or if the corporation was closed or merged, also write a warning to
    stderr, with the successor; the purchase is still possible.
    """
    try:
        facts = console.lookup.find_corporation(text)
    except ConsoleError:  # the purchase refuses a person who may not read, and the audit trail says so
        return None
    if facts is None:
        return None
    from console.cli.text_output.registry import format_purchase_warning_lines

    for line in format_purchase_warning_lines(facts, writer.translator):
        writer.write_to_stderr(line)
    return facts


# -- status and changes


def _read_registry_status(console: "Console", _: Namespace, __: AnswerWriter) -> "RegistryStatus | None":
    return console.registry.read_status()


def _build_registry_status_json(status: "RegistryStatus | None", translate: TranslateFunction) -> JsonObject:
    from console.cli.json_output.registry import build_registry_status_json

    return build_registry_status_json(status, translate)


def _format_registry_status_lines(status: "RegistryStatus | None", translator: Translator) -> Lines:
    from console.cli.text_output.registry import format_registry_status_lines

    return format_registry_status_lines(status, translator)


@dataclass(frozen=True, slots=True)
class _RegistryChanges:
    """The value that the command `registry changes` returns: the changes of corporations since the day `since`.
    `status` is None if this desk has no registry.
    """

    since: date
    includes_all_corporations: bool
    """True if `changes` has the changes of all corporations, False if only those of corporations of which this
    database has records.
    """
    changes: "tuple[CorporationChange, ...]"
    status: "RegistryStatus | None"


def _read_corporation_changes(console: "Console", args: Namespace, _: AnswerWriter) -> _RegistryChanges:
    since = parse_day(args.since, "--since")
    if since is None:
        raise make_usage_error("--since: a day is needed, like 2026-11-20")
    changes = console.registry.list_changes(since, includes_all_corporations=args.all)
    return _RegistryChanges(since, args.all, changes, console.registry.read_status())


def _build_registry_changes_json(answer: _RegistryChanges, translate: TranslateFunction) -> JsonObject:
    from console.cli.json_output.registry import REGISTRY_SOURCE_FIELDS, build_corporation_changes_json

    day = None if answer.status is None else answer.status.registry_date.isoformat()
    return {
        "since": answer.since.isoformat(),
        "complete_since": None if answer.status is None else answer.status.changes_complete_since.isoformat(),
        "items": build_corporation_changes_json(answer.changes),
        "registry_date": day,
        **REGISTRY_SOURCE_FIELDS,
    }


def _format_registry_changes_lines(answer: _RegistryChanges, translator: Translator) -> Iterator[str]:
    from console.cli.text_output.registry import format_corporation_changes_lines
    from console.wording.registry import format_registry_source

    if answer.status is None:
        yield translator("corporation.absent")
        return
    complete_since = answer.status.changes_complete_since
    if answer.changes:
        yield from format_corporation_changes_lines(answer.changes, translator)
    elif (first_day := max(answer.since, complete_since)) <= max(answer.since, answer.status.registry_date):
        key = "corporation.no_changes.all" if answer.includes_all_corporations else "corporation.no_changes"
        yield translator(key, day=first_day.isoformat())
    if answer.since < complete_since:
        yield translator("corporation.changes_incomplete", day=complete_since.isoformat())
    yield format_registry_source(answer.status.registry_date, translator)


# -- import


def _import_registry_files(console: "Console", args: Namespace, writer: AnswerWriter) -> "RegistryStatus":
    """Import the files into the corporation registry, and return the registry's status after the import. The first
    Ctrl+C or SIGTERM stops the import. If the same command is run again, it continues the import where it stopped.
    """
    with interrupts.handle_signals(defers_first_signal=True):
        return console.registry.import_files(
            [parse_path(name) for name in args.files],
            _ImportProgressWriter(writer).show_progress,
            interrupts.is_interrupt_pending,
            request_id=args.request_id,
        )


class _ImportProgressWriter:
    """Writes the progress of an import to stderr, at most one line per second."""

    def __init__(self, writer: AnswerWriter) -> None:
        self._writer = writer
        self._shown_at = time.monotonic()

    def show_progress(self, progress: "ImportProgress") -> None:
        """Write a line with the file, the number of its finished rows and the rate (rows per second), if a second
        has passed since the last line.
        """
        now = time.monotonic()
        if now - self._shown_at < _SECONDS_BETWEEN_PROGRESS_LINES:
            return
        self._shown_at = now
        facts = {
            "file": progress.name,
            "rows": progress.done_row_count,
            "total": progress.total_row_count,
            "rate": round(progress.rows_per_second),
        }
        self._writer.write_to_stderr(self._writer.translator(f"corporation.progress.{progress.step}", **facts))


COMMANDS: Mapping[str, Command] = {
    "registry find": ServiceCommand(_find_corporations, _build_registry_matches_json, _format_registry_matches_lines),
    "registry import": ServiceCommand(
        _import_registry_files, _build_registry_status_json, _format_registry_status_lines
    ),
    "registry status": ServiceCommand(
        _read_registry_status, _build_registry_status_json, _format_registry_status_lines
    ),
    "registry changes": ServiceCommand(
        _read_corporation_changes, _build_registry_changes_json, _format_registry_changes_lines
    ),
}
