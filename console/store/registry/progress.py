"""Reports the progress of an import of registry files to its caller, and checks whether the import must stop."""

import time
from collections.abc import Callable

from console.domain.registry.corporations import ImportProgress
from console.store.registry.source_file import SourceFile, make_stopped_error

_SECONDS_BETWEEN_REPORTS = 0.2
"""Shortest time (seconds) between two reports."""


class ImportRun:
    """One running import of registry files. `on_progress` is called at most five times a second, and also when
    as many rows are done as the file has lines. `should_stop` returns True if the import must stop."""

    def __init__(self, on_progress: Callable[[ImportProgress], None], should_stop: Callable[[], bool]) -> None:
        self.should_stop = should_stop
        self._on_progress = on_progress
        self._start_seconds = time.monotonic()
        self._reported_at = 0.0
        self._new_row_sum = 0

    def report_rows(self, step: str, source: SourceFile, row_count: int, new_row_count: int = 0) -> None:
        """Report that `row_count` rows of the file `source` are done in the step `step` of the import: read, rows or
        finish. `new_row_count` is the number of rows that this run has done since the last call; the speed is
        computed from it.
        """
        self._new_row_sum += new_row_count
        now = time.monotonic()
        if now - self._reported_at >= _SECONDS_BETWEEN_REPORTS or row_count == source.line_count:
            self._reported_at = now
            rate = self._new_row_sum / (now - self._start_seconds) if now > self._start_seconds else 0.0
            self._on_progress(ImportProgress(step, source.name, row_count, source.line_count, rate))

    def raise_if_stopped(self) -> None:
        """Raise ConsoleError `interrupted` if the import must stop."""
        if self.should_stop():
            raise make_stopped_error()
