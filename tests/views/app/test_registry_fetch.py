"""Tests that a window on a database server fetches the corporation registry that a worker has published."""

from datetime import date
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from console.domain.clock import SystemClock
from console.sandbox.registry import write_difference_file, write_whole_file
from console.sandbox.server import Sandbox
from console.views.app.background_refresh import BackgroundRefresh
from console.views.runtime.context import WindowContext
from tests.support.inline_runner import InlineRunner
from tests.support.places import Place

WHOLE_FILE_DAY, MONDAY = date(2026, 11, 13), date(2026, 11, 16)


@pytest.mark.engines("mariadb", "sqlite")
def test_a_window_on_a_server_fetches_a_new_registry(
    qapp: QApplication, place: Place, sandbox: Sandbox, tmp_path: Path
) -> None:
    """A window on a database server fetches the registry when a worker has published a newer one. A desk with a
    SQLite file uses only a registry that it has imported itself.
    """
    with place.open_desk(sandbox, person="worker", desk=1) as worker, place.open_desk(sandbox, desk=2) as console:
        context = WindowContext(console.settings, InlineRunner(), SystemClock())
        refresh = BackgroundRefresh(context, context)
        context.store_services(console)
        refresh.stop_timers()
        for path in (
            write_whole_file(tmp_path, WHOLE_FILE_DAY, 20, 1),
            write_difference_file(tmp_path, MONDAY, 3, 1, whole_row_count=20),
        ):
            imported = worker.registry.import_files([path])
            refresh.fetch_registry()
            fetched = console.registry.read_status()
            if place.is_server:
                assert fetched is not None
                assert fetched.registry_date == imported.registry_date
            else:
                assert fetched is None
