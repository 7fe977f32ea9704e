"""Checks that imported files follow the registry in use. It refuses files whose last day is before the date of the
registry, a difference that is already applied, and a difference after a missing day. It also refuses whole files that
lack a prefecture of the registry.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import RegistryOrderProblem
from console.domain.registry.import_plan import WHOLE_NATION_CODE
from console.domain.registry.publication_days import list_publication_days_between
from console.store.registry.source_file import SourceFile


@dataclass(frozen=True, slots=True)
class RegistryCoverage:
    """The part of the publisher's data that the registry in use has. `prefectures`: the codes of its prefectures, or
    only WHOLE_NATION_CODE. `whole_file_day`: the day of the whole files from which the registry was made.
    `registry_date`: the day up to which the registry is complete, with the differences that were applied to it."""

    prefectures: frozenset[str]
    whole_file_day: date
    registry_date: date


def check_import_order(current_coverage: RegistryCoverage | None, sources: Sequence[SourceFile]) -> None:
    """Check that the imported files `sources` follow the registry in use and each other. They must be sorted: whole
    files first, then the differences by day. `current_coverage` is the coverage of the registry in use; None if there
    is no registry.

    The whole files must be of one day and of different prefectures; the file of the nation must be the only one. A
    difference must be of the first day of publication after the day of the file before it in `sources`. If no file is
    before it, it must be of the first day of publication after the date of the registry in use.

    Raises ConsoleError `registry_order` if a file breaks one of these rules, if the last file is of an earlier day
    than the registry in use, if a difference was applied already, or if the whole files lack a prefecture of the
    registry (unless they only add prefectures, see `adds_prefectures`).
    """
    whole_files = [source for source in sources if not source.is_difference]
    complete_until = None if current_coverage is None else current_coverage.registry_date
    if whole_files:
        _require_consistent_whole_files(whole_files)
        complete_until = whole_files[0].day
    for source in sources:
        if source.is_difference:
            complete_until = _require_following_day(complete_until, source)
    if current_coverage is None or complete_until is None:
        return
    if complete_until < current_coverage.registry_date:
        raise _make_order_error(RegistryOrderProblem.OLDER_THAN_REGISTRY, sources[-1], current_coverage.registry_date)
    if whole_files and not (
        _covers_registry(whole_files, current_coverage) or adds_prefectures(current_coverage, whole_files)
    ):
        raise _make_order_error(
            RegistryOrderProblem.PREFECTURES_MISSING, whole_files[0], current_coverage.registry_date
        )


def adds_prefectures(current_coverage: RegistryCoverage | None, whole_files: Sequence[SourceFile]) -> bool:
    """True if the whole files only add further prefectures to a registry of single prefectures; False if there is no
    registry yet (`current_coverage` is None). The files must be of the same day as the registry, and no difference
    may have been applied to it.
    """
    if current_coverage is None or not whole_files:
        return False
    new_prefectures = _list_prefectures(whole_files)
    is_partial = (
        WHOLE_NATION_CODE not in new_prefectures | current_coverage.prefectures
        and new_prefectures.isdisjoint(current_coverage.prefectures)
    )
    return is_partial and whole_files[0].day == current_coverage.whole_file_day == current_coverage.registry_date


def _list_prefectures(sources: Iterable[SourceFile]) -> frozenset[str]:
    return frozenset(source.prefecture for source in sources)


def _covers_registry(whole_files: Sequence[SourceFile], current_coverage: RegistryCoverage) -> bool:
    """True if the whole files contain all prefectures of the registry in use."""
    new_prefectures = _list_prefectures(whole_files)
    return WHOLE_NATION_CODE in new_prefectures or new_prefectures >= current_coverage.prefectures


def _require_consistent_whole_files(whole_files: Sequence[SourceFile]) -> None:
    """Raise ConsoleError `registry_order` in three cases: the whole files are of different days; two of them are of
    the same prefecture; or another file comes with the file of the whole nation. The files are sorted by name.
    """
    seen_codes: set[str] = set()
    for source in whole_files:
        if source.day != whole_files[0].day:
            raise _make_order_error(RegistryOrderProblem.FILES_OF_OTHER_DAYS, source, whole_files[0].day)
        if source.prefecture in seen_codes or WHOLE_NATION_CODE in seen_codes:
            raise _make_order_error(RegistryOrderProblem.SAME_FILE_TWICE, source, whole_files[0].day)
        seen_codes.add(source.prefecture)


def _require_following_day(complete_until: date | None, source: SourceFile) -> date:
    """Return the day of the difference `source`. `complete_until` is the day up to which the registry is complete
    without this difference; None if there is no registry. Raises ConsoleError `registry_order` in three cases: there
    is no registry; the difference isn't of a later day than `complete_until`; or differences of days of publication
    between these two days are missing.
    """
    if complete_until is None:
        raise _make_order_error(RegistryOrderProblem.NO_WHOLE_FILE, source, None)
    if source.day <= complete_until:
        raise _make_order_error(RegistryOrderProblem.ALREADY_APPLIED, source, complete_until)
    missing_days = list_publication_days_between(complete_until, source.day)
    if missing_days:
        raise _make_order_error(RegistryOrderProblem.DAYS_MISSING, source, complete_until, missing_days)
    return source.day


def _make_order_error(
    problem: RegistryOrderProblem, source: SourceFile, complete_until: date | None, missing_days: Sequence[date] = ()
) -> ConsoleError:
    return ConsoleError(
        ErrorCode.REGISTRY_ORDER,
        {
            "problem": problem,
            "file": source.name,
            "registry_date": "" if complete_until is None else complete_until.isoformat(),
            "missing_days": [day.isoformat() for day in missing_days],
        },
    )
