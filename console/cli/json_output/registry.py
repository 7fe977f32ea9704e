"""Functions that build the JSON objects of corporations: the registry data of a corporation number, and the
answers of the commands `registry …`. Other programs depend on the names and types of the fields.
"""

from collections.abc import Iterable
from datetime import date

from console.cli.json_output.records import JsonObject, TranslateFunction
from console.domain.registry.corporations import (
    Closure,
    Corporation,
    CorporationChange,
    ImportedFile,
    RegistryMatch,
    RegistryMatches,
    RegistryStatus,
)
from console.domain.registry.facts import REGISTRY_LICENCE, REGISTRY_PUBLISHER, CorporationFacts

REGISTRY_SOURCE_FIELDS = {"source": REGISTRY_PUBLISHER, "licence": REGISTRY_LICENCE}


def build_corporation_json(facts: CorporationFacts | None) -> JsonObject | None:
    """Return the registry data of one corporation as JSON; None if this desk has no registry, or if the registry
    doesn't contain the number. `successors` are the corporations into which it was merged, the nearest first.
    """
    if facts is None or facts.corporation is None:
        return None
    return {
        **_build_published_corporation_fields(facts.corporation),
        "registry_date": facts.registry_date.isoformat(),
        "assigned_on": facts.corporation.assigned_on.isoformat(),
        "successors": [build_registry_match_json(match) for match in facts.successors],
        "predecessors": [build_registry_match_json(match) for match in facts.predecessors],
        **REGISTRY_SOURCE_FIELDS,
    }


def build_registry_match_json(match: RegistryMatch) -> JsonObject:
    """Return a corporation that a search has found, or a successor or predecessor of one, as JSON. `ours` is true
    if this database has records of the corporation.
    """
    return {
        "corporation_number": match.corporation.number,
        **_build_published_corporation_fields(match.corporation),
        "ours": match.has_records,
        "open_records": match.has_open_records,
    }


def build_registry_matches_json(matches: RegistryMatches, _: TranslateFunction) -> JsonObject:
    """Return the answer of the command `registry find` as JSON. `registry_date` is null if this desk has no registry;
    `has_more` is true if more corporations match than `items` has. If no corporation matches the searched text
    itself, but some match another spelling of it, `other_spelling` is this spelling; otherwise null.
    """
    return {
        "items": [build_registry_match_json(match) for match in matches.items],
        "has_more": matches.has_more,
        "other_spelling": matches.other_spelling or None,
        "registry_date": _format_day(matches.registry_date),
        **REGISTRY_SOURCE_FIELDS,
    }


def build_registry_status_json(status: RegistryStatus | None, _: TranslateFunction) -> JsonObject:
    """Return the answer of the commands `registry status` and `registry import` as JSON. If this desk has no
    registry, `registry_date` is null, `rows` is 0 and `files` is empty.
    """
    if status is None:
        return {"registry_date": None, "rows": 0, "files": [], "cycles": [], **REGISTRY_SOURCE_FIELDS}
    return {
        "registry_date": status.registry_date.isoformat(),
        "rows": status.rows,
        "files": [_build_imported_file_json(file) for file in status.files],
        "cycles": [list(cycle) for cycle in status.cycles],
        **REGISTRY_SOURCE_FIELDS,
    }


def build_corporation_changes_json(changes: Iterable[CorporationChange]) -> list[JsonObject]:
    """Return the changes of corporations that the imported difference files contain as JSON: one object for each
    corporation and day.
    """
    return [
        {
            "corporation_number": change.corporation_number,
            "day": change.day.isoformat(),
            "facts": sorted(fact.value for fact in change.facts),
            "before": None if change.before is None else _build_published_corporation_fields(change.before),
            "after": None if change.after is None else _build_published_corporation_fields(change.after),
        }
        for change in changes
    ]


def _build_published_corporation_fields(corporation: Corporation) -> JsonObject:
    """Return the fields that every JSON object of a corporation has, such as its name and address. `kind` and `cause`
    are the publisher's codes.
    """
    return {
        "name": corporation.name,
        "furigana": corporation.furigana,
        "address": corporation.address,
        "kind": corporation.kind.value,
        "closed": _build_corporation_closure_json(corporation.closure),
        "successor": corporation.successor,
        "english_name": corporation.english_name,
        "post_code": corporation.post_code,
        "name_is_image": bool(corporation.name_image_id),
    }


def _build_corporation_closure_json(closure: Closure | None) -> JsonObject | None:
    return None if closure is None else {"date": closure.day.isoformat(), "cause": closure.cause.value}


def _build_imported_file_json(file: ImportedFile) -> JsonObject:
    return {
        "name": file.name,
        "sha256": file.sha256,
        "day": file.day.isoformat(),
        "kind": "difference" if file.is_difference else "whole",
        "rows": file.rows,
    }


def _format_day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
