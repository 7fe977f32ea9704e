"""Reports the progress of an import to its caller, and checks if the import must stop."""

import time
from collections.abc import Callable

from console.domain.registry.corporations import ImportProgress
from console.store.registry.source_file import SourceFile, make_stopped_error

_SECONDS_BETWEEN_REPORTS = 0.2


class ImportRun:
    """One import in progress. `on_progress` is called at most five times a second, and at the end of each step."""

    def __init__(self, on_progress: Callable[[ImportProgress], None], should_stop: Callable[[], bool]) -> None:
        self.should_stop = should_stop
        self._on_progress = on_progress
        self._began = time.monotonic()
        self._reported_at = 0.0
        self._rows = 0

    def report_rows(self, step: str, source: SourceFile, rows: int, new_rows: int = 0) -> None:
        """Report that `rows` rows of a file are done, `new_rows` of them since the last call."""
        self._rows += new_rows
        now = time.monotonic()
        if now - self._reported_at >= _SECONDS_BETWEEN_REPORTS or rows == source.lines:
            self._reported_at = now
            rate = self._rows / (now - self._began) if now > self._began else 0.0
            self._on_progress(ImportProgress(step, source.name, rows, source.lines, rate))

    def raise_if_stopped(self) -> None:
        """Raise interrupted if the import is to stop."""
        if self.should_stop():
            raise make_stopped_error()
