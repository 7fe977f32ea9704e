"""Imports files of the publisher (whole files and differences, in any order) into the registry of a desk."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

from console.domain.registry.corporations import ImportProgress, RegistryStatus
from console.store.registry.import_difference import apply_difference
from console.store.registry.import_order import RegistryCoverage, adds_prefectures, check_import_order
from console.store.registry.import_whole import build_whole, delete_key_of_build, open_build, switch_build_to_wal
from console.store.registry.progress import ImportRun
from console.store.registry.reader import read_coverage, read_status
from console.store.registry.registry_file import (
    find_registry_file,
    hold_import_lock,
    is_damage_error,
    open_for_writing,
    put_registry_in_use,
    read_registry_in_use,
    recover_complete_build,
)
from console.store.registry.schema import open_transaction, read_applied_hashes
from console.store.registry.source_file import SourceFile, open_source
from console.store.spool.sqlite_file import translate_errors


def import_registry_files(
    folder: Path,
    paths: Sequence[Path],
    *,
    latest_day: date = date.max,
    on_progress: Callable[[ImportProgress], None] = lambda _: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> RegistryStatus:
    """Import files of the publisher (at least one) into the registry of `folder`, either all of them or none, and
    return the status of the new registry. `on_progress` is called with the progress of the import. Until the end of
    the import, readers use the former registry. After a stopped or killed import of whole files, a call with the same
    files continues it. If this function raises an error, the former registry stays in use.

    Raises ConsoleError:

    - `bad_registry_file` for an invalid file, and for a file of a day after `latest_day`: in use, such a file would
      prevent the import of all files of earlier days
    - `registry_order` for a file that doesn't follow the registry in use
    - `bad_profile` if only differences are given and the registry in use is damaged (whole files replace a damaged
      registry)
    - `in_progress` if another process imports
    - `interrupted` if `should_stop` returned True
    - `storage_full` if the registry can't be written
    """
    with hold_import_lock(folder), translate_errors(folder):
        return import_under_lock(folder, paths, ImportRun(on_progress, should_stop), latest_day)


def import_under_lock(
    folder: Path, paths: Sequence[Path], import_run: ImportRun, latest_day: date = date.max
) -> RegistryStatus:
    """Import files of the publisher into the registry of `folder`, as `import_registry_files` does, and return the
    registry's status after the import. The caller holds the import lock, and converts errors of SQLite and of the
    operating system to ConsoleError (`translate_errors`).
    """
    recover_complete_build(folder)
    sources = sorted((_open_source(path, import_run, latest_day) for path in paths), key=_make_import_order_key)
    current_coverage = _read_current_coverage(folder, sources[0])
    check_import_order(current_coverage, sources)
    if not sources[0].is_difference:
        _import_whole_files(folder, sources, current_coverage, import_run)
    else:
        _import_differences(folder, sources, import_run)
    status = read_registry_in_use(folder, read_status)
    assert status is not None  # noqa: S101  # it was put in use just now
    return status


def _open_source(path: Path, import_run: ImportRun, latest_day: date) -> SourceFile:
    source = open_source(path, import_run.should_stop, latest_day)
    import_run.report_rows("read", source, source.line_count)
    return source


def _make_import_order_key(source: SourceFile) -> tuple[bool, date, str]:
    """Return the key that sorts whole files first, then the differences by their days."""
    return source.is_difference, source.day, source.name


def _import_whole_files(
    folder: Path, sources: Sequence[SourceFile], current_coverage: RegistryCoverage | None, import_run: ImportRun
) -> None:
    whole_files = [source for source in sources if not source.is_difference]
    former_file = None if current_coverage is None else find_registry_file(folder)
    is_addition = adds_prefectures(current_coverage, whole_files)
    with open_build(folder, sources, former_file, is_addition=is_addition) as connection:
        build_whole(connection, whole_files, import_run, former_file)
        for source in sources:
            if source.sha256 not in read_applied_hashes(connection):
                with open_transaction(connection):
                    apply_difference(connection, source, import_run)
        switch_build_to_wal(connection)
    put_registry_in_use(folder, sources[-1].day)


def _import_differences(folder: Path, sources: Sequence[SourceFile], import_run: ImportRun) -> None:
    file = find_registry_file(folder)
    assert file is not None  # noqa: S101  # `check_import_order` refuses differences without a registry
    with closing(open_for_writing(file)) as connection, open_transaction(connection):
        for source in sources:
            apply_difference(connection, source, import_run)
        delete_key_of_build(connection)


def _read_current_coverage(folder: Path, first_source: SourceFile) -> RegistryCoverage | None:
    """Return the coverage of the registry in use; None if there is no registry. A damaged registry is treated as no
    registry if `first_source`, the first of the sorted files, is a whole file, because whole files replace the whole
    registry."""
    try:
        return read_registry_in_use(folder, read_coverage)
    except sqlite3.DatabaseError as error:
        if first_source.is_difference or not is_damage_error(error):
            raise
        return None
