"""The corporations of the training: invented numbers, and a registry in which some corporations were merged."""

import secrets
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from console.domain.calendar_days import JST
from console.domain.clock import SystemClock
from console.domain.corporation_number import compute_check_digit
from console.domain.registry.publication_days import is_publication_day

if TYPE_CHECKING:
    from console.app import Console

MERGED_PAIR_COUNT = 20
"""Number of merged corporations that each import of a registry adds in the training, each with its successor."""
_MERGER_AGE_DAYS = 60
"""Number of days between the mergers of the merged corporations and the day of the registry file."""
_REGISTRY_FILE_SEED = 20261120


def make_invented_corporation_number() -> str:
    """Return a valid corporation number that no corporation has: its 12 digits after the check digit begin with 98,
    which is not the code of any registry office.
    """
    base = f"98{secrets.randbelow(10**10):010d}"
    return compute_check_digit(base) + base


def make_merged_pairs() -> Sequence[tuple[str, str]]:
    """Return MERGED_PAIR_COUNT pairs of a merged corporation and its successor (invented corporation numbers)."""
    return [
        (make_invented_corporation_number(), make_invented_corporation_number()) for _ in range(MERGED_PAIR_COUNT)
    ]


def import_merged_corporations(console: "Console", folder: Path, pairs: Sequence[tuple[str, str]]) -> None:
    """Import a small corporation registry with these pairs of a merged corporation and its successor (corporation
    numbers). It replaces the registry in use. `folder` is the folder for the publisher's file."""
    from console.sandbox.alarmbox.companies import make_company_name
    from console.sandbox.registry import make_company_row, merge_company, write_whole_file

    day = _find_last_publication_day()
    rows = [make_company_row(number, make_company_name(number)) for pair in pairs for number in pair]
    successors = dict(pairs)
    merged_on = day - timedelta(days=_MERGER_AGE_DAYS)
    merged_rows = [
        merge_company(row, successors[row.corporate_number], merged_on) if row.corporate_number in successors else row
        for row in rows
    ]
    console.registry.import_files([write_whole_file(folder, day, 0, _REGISTRY_FILE_SEED, first_rows=merged_rows)])


def _find_last_publication_day() -> date:
    """Return the last day before today on which the registry's publisher publishes a difference."""
    day = SystemClock().now().astimezone(JST).date() - timedelta(days=1)
    while not is_publication_day(day):
        day -= timedelta(days=1)
    return day
