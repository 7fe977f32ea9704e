"""The commands `registry …` and `find`, and `lookup` with a name: corporations of the registry."""

import time
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from console.cli.json_output import results as cli_json
from console.cli.json_output.results import JsonObject, Translate
from console.cli.parser import parse_day, usage_error
from console.cli.process.command import Command, ServiceCommand
from console.cli.process.output import AnswerWriter
from console.cli.text_output import results as cli_text
from console.cli.text_output.translator import Lines, Translator
from console.domain.errors import ConsoleError, ErrorCode
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
    from console.domain.views.any_record import LookupResult

_SECONDS_BETWEEN_PROGRESS = 1.0
_NAME_HINT = "name"  # house: the hint of an error


# -- find and lookup


def _find_corporations(console: "Console", args: Namespace, _: AnswerWriter) -> "RegistryMatches":
    return console.registry.find(" ".join(args.text), args.prefecture, args.limit)


def _matches_json(matches: "RegistryMatches", translate: Translate) -> JsonObject:
    from console.cli.json_output.registry import matches_json

    return matches_json(matches, translate)


def _matches_lines(matches: "RegistryMatches", translator: Translator) -> Lines:
    from console.cli.text_output.registry import matches_lines

    return matches_lines(matches, translator)


def _look_up(console: "Console", args: Namespace, _: AnswerWriter) -> "LookupResult | RegistryMatches":
    """Return the records of a corporation number. A text that is no number is searched in the registry: if it finds
    one corporation, return the records of that one, otherwise the matches.

    Raises ConsoleError `invalid_corporation_number` for a wrong number, and for any other text without a registry.
    """
    try:
        return console.lookup.find_records(args.number)
    except ConsoleError as invalid:
        if invalid.code != ErrorCode.INVALID_CORPORATION_NUMBER or not _may_be_searched(args.number, invalid):
            raise
        matches = console.registry.find(args.number)
        if matches.registry_date is None:
            invalid.detail["hint"] = _NAME_HINT
            raise
    if len(matches.items) == 1:
        return console.lookup.find_records(matches.items[0].corporation.number)
    return matches


def _may_be_searched(text: str, invalid: ConsoleError) -> bool:
    """True if the registry may be searched for a text that is no corporation number: if it is a postcode, or has more
    than digits. A wrong or incomplete number is refused, as without a registry.
    """
    from console.domain.error_reasons import NumberReason
    from console.domain.registry.queries import QueryKind, parse_query

    kind = parse_query(text).kind
    is_number = invalid.detail.get("reason") != NumberReason.CHARACTER
    return kind is QueryKind.POST_CODE or (kind is not QueryKind.EMPTY and not is_number)


def _lookup_json(found: "LookupResult | RegistryMatches", translate: Translate) -> JsonObject:
    from console.domain.views.any_record import LookupResult

    if isinstance(found, LookupResult):
        return cli_json.lookup_json(found, translate)
    nothing = cli_json.lookup_json(LookupResult("", ()), translate)
    return {**nothing, "corporation_number": None, **_matches_json(found, translate)}


def _lookup_lines(found: "LookupResult | RegistryMatches", translator: Translator) -> Lines:
    from console.domain.views.any_record import LookupResult

    return (
        cli_text.lookup_lines(found, translator)
        if isinstance(found, LookupResult)
        else _matches_lines(found, translator)
    )


# -- before a purchase


def show_advice(console: "Console", text: str, writer: AnswerWriter) -> "CorporationFacts | None":
    """Tell a buyer on stderr that the company was closed or merged, and offer its successor. Nothing is refused.
    Return the registry's facts about the number; None without a registry.
    """
    try:
        facts = console.lookup.find_corporation(text)
    except ConsoleError:  # the purchase refuses a person who may not read, and the audit trail says so
        return None
    if facts is None:
        return None
    from console.cli.text_output.registry import advice_lines

    for line in advice_lines(facts, writer.translator):
        writer.write_to_stderr(line)
    return facts


# -- status and changes


def _read_status(console: "Console", _: Namespace, __: AnswerWriter) -> "RegistryStatus | None":
    return console.registry.status()


def _status_json(status: "RegistryStatus | None", translate: Translate) -> JsonObject:
    from console.cli.json_output.registry import status_json

    return status_json(status, translate)


def _status_lines(status: "RegistryStatus | None", translator: Translator) -> Lines:
    from console.cli.text_output.registry import status_lines

    return status_lines(status, translator)


@dataclass(frozen=True, slots=True)
class _ChangesSince:
    """The value of the command `registry changes`. `status` is None without a registry."""

    since: date
    is_about_all: bool
    changes: "tuple[CorporationChange, ...]"
    status: "RegistryStatus | None"


def _read_changes(console: "Console", args: Namespace, _: AnswerWriter) -> _ChangesSince:
    since = parse_day(args.since, "--since")
    if since is None:
        raise usage_error("--since: a day is needed, like 2026-11-20")
    changes = console.registry.changes(since, all_corporations=args.all)
    return _ChangesSince(since, args.all, changes, console.registry.status())


def _changes_json(answer: _ChangesSince, translate: Translate) -> JsonObject:
    from console.cli.json_output.registry import SOURCE, changes_json

    day = None if answer.status is None else answer.status.registry_date.isoformat()
    return {"since": answer.since.isoformat(), "items": changes_json(answer.changes), "registry_date": day, **SOURCE}


def _changes_lines(answer: _ChangesSince, translator: Translator) -> Iterator[str]:
    from console.cli.text_output.registry import changes_lines
    from console.wording.registry import source_line

    if answer.status is None:
        yield translator("corporation.absent")
        return
    if answer.changes:
        yield from changes_lines(answer.changes, translator)
    else:
        key = "corporation.no_changes.all" if answer.is_about_all else "corporation.no_changes"
        yield translator(key, day=answer.since.isoformat())
    yield source_line(answer.status.registry_date, translator)


# -- import


def _import_files(console: "Console", args: Namespace, writer: AnswerWriter) -> "RegistryStatus":
    """Import the files. The first Ctrl+C or SIGTERM stops the import at a place from which the same command continues
    it.
    """
    with interrupts.handle_signals(defers_first=True):
        return console.registry.import_files(
            [Path(name).absolute() for name in args.files],
            _ProgressLines(writer).show,
            interrupts.is_pending,
            request_id=args.request_id,
        )


class _ProgressLines:
    """Writes the progress of an import to stderr, at most one line per second."""

    def __init__(self, writer: AnswerWriter) -> None:
        self._writer = writer
        self._started_at = self._shown_at = time.monotonic()

    def show(self, progress: "ImportProgress") -> None:
        """Write a line with the file, its finished rows and the rate, if a second has passed since the last line."""
        now = time.monotonic()
        if now - self._shown_at < _SECONDS_BETWEEN_PROGRESS:
            return
        self._shown_at = now
        facts = {"file": progress.name, "rows": progress.rows, "total": progress.total, "rate": round(progress.rate)}
        self._writer.write_to_stderr(self._writer.translator(f"corporation.progress.{progress.step}", **facts))


REGISTRY_COMMANDS: dict[str, Command] = {
    "lookup": ServiceCommand(_look_up, _lookup_json, _lookup_lines),
    "find": ServiceCommand(_find_corporations, _matches_json, _matches_lines),
    "registry find": ServiceCommand(_find_corporations, _matches_json, _matches_lines),
    "registry import": ServiceCommand(_import_files, _status_json, _status_lines),
    "registry status": ServiceCommand(_read_status, _status_json, _status_lines),
    "registry changes": ServiceCommand(_read_changes, _changes_json, _changes_lines),
}
