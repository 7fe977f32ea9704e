"""Tests of a team's registry on a server: the desks get the worker's registry, and another worker continues where the
first one stopped.
"""

from contextlib import ExitStack
from datetime import date, timedelta
from pathlib import Path

import pytest

from console.domain.errors import ConsoleError, ErrorCode
from console.sandbox.registry import make_company_row, rename_company, write_difference_file, write_whole_file
from console.sandbox.server import Sandbox
from tests.support.desks import MovedClock
from tests.support.places import Place

WHOLE_FILE_DAY, MONDAY, TUESDAY = date(2026, 11, 13), date(2026, 11, 16), date(2026, 11, 17)
SAMPLE_COMPANY = make_company_row("1180301018771", "架空商事株式会社")


@pytest.mark.engines("mariadb")
def test_a_workers_registry_reaches_the_desks(
    place: Place, sandbox: Sandbox, clock: MovedClock, tmp_path: Path
) -> None:
    """The first worker imports a whole file and a difference, and the second worker imports the next day's
    difference. A person's desk fetches the new files and runs no import itself. A damaged list of the published files
    is refused until a worker has written it again.
    """
    with ExitStack() as stack:
        folders = [tmp_path / "first", tmp_path / "second"]
        for folder in folders:
            folder.mkdir()
        first, second = (
            stack.enter_context(
                place.open_desk(sandbox, clock, person="worker", desk=desk, REGISTRY_FOLDER=str(folders[desk - 1]))
            )
            for desk in (1, 2)
        )
        person = stack.enter_context(place.open_desk(sandbox, clock, desk=3, REGISTRY_FOLDER=str(folders[0])))
        write_whole_file(folders[0], WHOLE_FILE_DAY, 50, 1, first_rows=[SAMPLE_COMPANY])
        assert {run.task: run.count for run in first.recovery.run_all_tasks()}["registry"] == 1
        assert person.registry.read_status() is None
        fetched = person.registry.fetch_published_registry()
        assert fetched is not None
        assert (fetched.registry_date, fetched.rows) == (WHOLE_FILE_DAY, 51)
        assert person.registry.fetch_published_registry() is None
        facts = person.registry.find_corporation(SAMPLE_COMPANY.corporate_number)
        assert facts is not None
        write_difference_file(
            folders[1],
            MONDAY,
            5,
            1,
            whole_row_count=50,
            changes=[rename_company(SAMPLE_COMPANY, "架空物産株式会社", MONDAY)],
        )
        assert {run.task: run.count for run in second.recovery.run_all_tasks()}["registry"] == 1
        fetched = person.registry.fetch_published_registry()
        assert fetched is not None
        assert fetched.registry_date == MONDAY
        renamed = person.registry.find_corporation(SAMPLE_COMPANY.corporate_number)
        assert renamed is not None
        assert renamed.name == "架空物産株式会社"
        with pytest.raises(ConsoleError) as refused:
            person.registry.import_files([write_difference_file(tmp_path, TUESDAY, 5, 1, whole_row_count=50)])
        assert refused.value.code == ErrorCode.NOT_ALLOWED
        manifest = place.documents / "registry.json"
        manifest.write_bytes(manifest.read_bytes()[:-9])
        with pytest.raises(ConsoleError):
            person.registry.fetch_published_registry()
        clock.offset += timedelta(hours=1)
        second.recovery.run_all_tasks()
        assert person.registry.fetch_published_registry() is None


@pytest.mark.engines("sqlite")
def test_a_desk_without_a_team_fetches_nothing(place: Place, sandbox: Sandbox, clock: MovedClock) -> None:
    """A desk with an SQLite file, which belongs to no team, fetches no registry files."""
    with place.open_desk(sandbox, clock) as console:
        assert console.registry.fetch_published_registry() is None
