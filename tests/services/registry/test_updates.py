"""Tests of the due task `registry`: files in a watched folder, the Web-API, and failures that stay visible."""

import errno
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from console.app import Console
from console.domain.calendar_days import JST
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.file_problems import RegistryFileProblem, RegistryOrderProblem
from console.domain.provider_outcome import Outcome
from console.domain.registry.corporations import ImportProgress, RegistryStatus
from console.domain.service_results import HealthCheck
from console.providers.registry.client import RegistryApi
from console.providers.registry.responses import DifferencePart
from console.sandbox import Sandbox
from console.sandbox.environment.credentials import REGISTRY_APPLICATION_ID
from console.sandbox.registry import close_company, make_company_row, write_difference_file, write_whole_file
from console.services.registry.updates import RegistryUpdater
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from console.store.registry.watched_folder import STATE_FILE_NAME
from console.wiring.providers import make_registry_client
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.quick_desks import ManualClock, open_quick_desk

WHOLE_FILE_DAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2026, 11, day) for day in (13, 16, 17, 18, 19))
ROW_COUNT, SEED = 300, 5
SAMPLE_COMPANY = make_company_row("1180301018771", "架空商事株式会社")


class WatchedFolderDesk:
    """A desk with a watched folder and the due task `registry`; `imports` counts the imports."""

    def __init__(self, console: Console, watched: Path) -> None:
        self.console, self.watched = console, watched
        self.folder = console._context.settings.home / "registry"
        self.imports = 0
        self.updates = RegistryUpdater(
            console._context, self._import_files, lambda: make_registry_client(console._context), lambda: False
        )

    def _import_files(self, paths: Sequence[Path]) -> RegistryStatus:
        """Import the files, count the import, and return the status of the registry."""
        self.imports += 1
        return import_registry_files(self.folder, paths)

    def put_whole_file(self) -> Path:
        """Write a whole file into the watched folder and return its path."""
        return write_whole_file(self.watched, WHOLE_FILE_DAY, ROW_COUNT, SEED, first_rows=[SAMPLE_COMPANY])

    def put_difference_file(self, day: date) -> Path:
        """Write the difference file of this day into the watched folder and return its path."""
        return write_difference_file(self.watched, day, 20, SEED, whole_row_count=ROW_COUNT)

    def read_registry_date(self) -> date | None:
        """Return the registry date; None if there is no registry."""
        reader = open_registry(self.folder)
        if reader is None:
            return None
        with closing(reader):
            return reader.registry_date


def find_registry_check(desk: WatchedFolderDesk) -> HealthCheck:
    """Return the result of `doctor` about the registry."""
    return next(check for check in desk.console.health.run_all_checks() if check.name == "registry")


@pytest.fixture
def folder_desk(
    home: Path, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, tmp_path: Path
) -> Iterator[WatchedFolderDesk]:
    """Yield a desk with a watched folder and without an application id."""
    with closing(open_quick_desk(home, alarmbox, hand_clock, REGISTRY_FOLDER=str(tmp_path))) as console:
        yield WatchedFolderDesk(console, tmp_path)


@pytest.fixture
def folder_desk_with_api(
    home: Path, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock, sandbox: Sandbox, tmp_path: Path
) -> Iterator[WatchedFolderDesk]:
    """Yield a desk with an application id; the simulated publisher has the same registry as the folder's whole
    file.
    """
    facts = {"REGISTRY_URL": sandbox.url, "SECRET_REGISTRY_APPLICATION_ID": REGISTRY_APPLICATION_ID}
    sandbox.registry.publish_whole(ROW_COUNT, SEED, WHOLE_FILE_DAY, [SAMPLE_COMPANY])
    with closing(open_quick_desk(home, alarmbox, hand_clock, REGISTRY_FOLDER=str(tmp_path), **facts)) as console:
        yield WatchedFolderDesk(console, tmp_path)


def test_each_file_in_the_folder_is_imported_once(folder_desk: WatchedFolderDesk) -> None:
    """The due task `registry` imports each file that appears in the watched folder once."""
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (0, None)
    folder_desk.put_whole_file()
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (1, WHOLE_FILE_DAY)
    assert folder_desk.updates.import_new_files() == 0
    folder_desk.put_difference_file(MONDAY)
    folder_desk.put_difference_file(TUESDAY)
    (folder_desk.watched / "notes.txt").write_text("not one of theirs")
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (2, TUESDAY)
    assert folder_desk.updates.import_new_files() == 0
    assert folder_desk.imports == 2
    assert sorted(path.suffix for path in folder_desk.watched.iterdir()) == [".txt", ".zip", ".zip", ".zip"]


def test_a_growing_file_is_not_imported(folder_desk: WatchedFolderDesk, tmp_path: Path) -> None:
    """The due task `registry` does not import a file in the watched folder that is still growing, until its copy
    is complete.
    """
    whole = folder_desk.put_whole_file()
    content = whole.read_bytes()
    for part in (0, 1, len(content) // 2, len(content) - 1):
        whole.write_bytes(content[:part])
        assert (folder_desk.updates.import_new_files(), folder_desk.imports) == (0, 0)
    whole.write_bytes(content)
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (1, WHOLE_FILE_DAY)


def test_a_truncated_file_is_reported_until_it_is_replaced(folder_desk: WatchedFolderDesk) -> None:
    """The due task `registry` reports a truncated file, and reads it again only after it was replaced."""
    whole = folder_desk.put_whole_file()
    content = whole.read_bytes()
    whole.write_bytes(content[:-40])
    assert folder_desk.updates.import_new_files() == 0  # may still be being copied
    for _ in range(3):
        with pytest.raises(ConsoleError) as refused:
            folder_desk.updates.import_new_files()
        assert refused.value.code == ErrorCode.BAD_REGISTRY_FILE
        detail = dict(refused.value.detail)
        assert (detail["file"], detail["problem"]) == (whole.name, RegistryFileProblem.INCOMPLETE_ZIP)
    assert folder_desk.imports == 1
    whole.write_bytes(content)
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (1, WHOLE_FILE_DAY)


FUTURE_FILE_NAMES = (
    "diff_99991231.zip",
    "diff_50000106.zip",
    "diff_20270105.zip",
    "00_zenkoku_all_99991231.zip",
    "13_tokyo_all_20270105.zip",
)


@pytest.mark.parametrize("name", FUTURE_FILE_NAMES)
def test_a_file_of_a_future_day_stops_no_other_import(
    folder_desk_with_api: WatchedFolderDesk, sandbox: Sandbox, name: str
) -> None:
    """The due task `registry` refuses a file of a future day once, after it has imported the other files and the
    differences of the Web-API, and doesn't fail again. The command `doctor` names the file until it is deleted.
    """
    desk = folder_desk_with_api
    shutil.copy(desk.put_whole_file(), desk.watched / name)
    desk.put_difference_file(MONDAY)
    sandbox.registry.publish_difference(TUESDAY, 3)
    with pytest.raises(ConsoleError) as refused:
        desk.updates.import_new_files()
    detail = dict(refused.value.detail)
    assert (detail["file"], detail["problem"]) == (name, RegistryFileProblem.FUTURE_DAY)
    assert desk.read_registry_date() == TUESDAY
    assert desk.updates.import_new_files() == 0
    desk.put_difference_file(WEDNESDAY)
    assert (desk.updates.import_new_files(), desk.read_registry_date()) == (1, WEDNESDAY)
    check = find_registry_check(desk)
    assert (check.ok, check.message, check.facts) == (False, "doctor.registry.future", {"file": name})
    (desk.watched / name).unlink()
    assert (desk.updates.import_new_files(), find_registry_check(desk).ok) == (0, True)


def test_a_file_of_a_future_day_is_imported_on_its_day(
    folder_desk: WatchedFolderDesk, hand_clock: ManualClock
) -> None:
    """A file that was refused because the clock was behind is imported after the clock has been corrected."""
    folder_desk.put_whole_file()
    hand_clock.at -= timedelta(days=30)
    with pytest.raises(ConsoleError):
        folder_desk.updates.import_new_files()
    assert folder_desk.imports == 0
    hand_clock.at += timedelta(days=30)
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (1, WHOLE_FILE_DAY)


@pytest.mark.parametrize("name", ["diff_00010101.zip", "00_zenkoku_all_00010101.zip", "00_zenkoku_all_20151004.zip"])
def test_a_file_of_a_day_before_the_first_publication_is_no_file_of_the_publisher(
    folder_desk: WatchedFolderDesk, name: str
) -> None:
    """A file whose name has a day before the first publication is skipped, as a file with another name, and the
    import of differences after it doesn't fail."""
    whole = folder_desk.put_whole_file()
    whole.rename(folder_desk.watched / name)
    folder_desk.put_difference_file(MONDAY)
    assert (folder_desk.updates.import_new_files(), folder_desk.imports) == (0, 0)
    with pytest.raises(ConsoleError) as refused:
        import_registry_files(folder_desk.folder, [folder_desk.watched / name])
    assert refused.value.detail["problem"] == RegistryFileProblem.WRONG_FILE_NAME


UNREADABLE_STORED_REFUSALS: list[object] = [
    None, [], {}, "x", 5, {"stamp": []}, {"code": None}, {"code": "no_such_code"}, {"code": []}, {"stamp": "xx"},
    {"detail": None}, {"detail": {"problem": {}}}, {"detail": [[]]},
]  # fmt: skip


@pytest.mark.parametrize("strange_value", UNREADABLE_STORED_REFUSALS, ids=str)
def test_a_stored_refusal_that_cannot_be_read_is_forgotten(
    folder_desk: WatchedFolderDesk, strange_value: object
) -> None:
    """If the stored refusal of a file is unreadable, for example from a newer release, the task reads the file again
    and continues.
    """
    whole = folder_desk.put_whole_file()
    whole.write_bytes(whole.read_bytes()[:-40])
    assert folder_desk.updates.import_new_files() == 0
    for _ in range(2):
        with pytest.raises(ConsoleError):
            folder_desk.updates.import_new_files()
    state_file = folder_desk.folder / STATE_FILE_NAME
    state = json.loads(state_file.read_text())
    known_refusal = state["refused"][whole.name]
    state["refused"][whole.name] = (
        {**known_refusal, **strange_value} if isinstance(strange_value, dict) and strange_value else strange_value
    )
    state_file.write_text(json.dumps(state))
    with pytest.raises(ConsoleError) as refused:
        folder_desk.updates.import_new_files()
    assert (refused.value.code, folder_desk.imports) == (ErrorCode.BAD_REGISTRY_FILE, 2)


def test_a_file_that_is_deleted_hides_no_other(
    folder_desk: WatchedFolderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a file is deleted while the worker reads the folder, the other files are still imported."""
    folder_desk.put_whole_file()
    gone, is_file = folder_desk.put_difference_file(MONDAY), Path.is_file

    def is_file_until_now(path: Path) -> bool:
        was_file = is_file(path)
        if path.name == gone.name:
            path.unlink(missing_ok=True)
        return was_file

    monkeypatch.setattr(Path, "is_file", is_file_until_now)
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (1, WHOLE_FILE_DAY)


def test_a_file_replaced_during_its_import_is_imported_later(
    folder_desk: WatchedFolderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an invalid file is replaced during its import, the stored error is about the former file, and the next run
    imports the new file.
    """
    whole = folder_desk.put_whole_file()

    def replace_checked_file(progress: ImportProgress) -> None:
        if progress.step == "read":
            write_whole_file(whole.parent, WHOLE_FILE_DAY, 7, 2)

    with monkeypatch.context() as patch:
        replacing = partial(import_registry_files, on_progress=replace_checked_file)
        patch.setattr(f"{__name__}.import_registry_files", replacing)
        with pytest.raises(ConsoleError) as refused:
            folder_desk.updates.import_new_files()
    assert dict(refused.value.detail)["problem"] == RegistryFileProblem.FILE_CHANGED
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (1, WHOLE_FILE_DAY)


def test_a_file_that_could_not_be_read_is_read_again(
    folder_desk: WatchedFolderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that could not be read, because of its permissions or the network drive, is read again at the next run,
    although its size and time are unchanged.
    """
    folder_desk.put_whole_file()

    def refuse_to_open(path: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("console.store.registry.source_file.open_ordinary_file", refuse_to_open)
        with pytest.raises(ConsoleError) as refused:
            folder_desk.updates.import_new_files()
    assert refused.value.detail["problem"] == RegistryFileProblem.FILE_UNREADABLE
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (1, WHOLE_FILE_DAY)


def test_a_folder_that_cannot_be_read_is_named(folder_desk: WatchedFolderDesk, tmp_path: Path) -> None:
    """If a file stands in the place of the watched folder, the task fails with the path of the folder."""
    shutil.rmtree(tmp_path)
    tmp_path.touch()
    with pytest.raises(ConsoleError) as refused:
        folder_desk.updates.import_new_files()
    assert (refused.value.code, dict(refused.value.detail)["file"]) == (ErrorCode.BAD_REGISTRY_FILE, str(tmp_path))


def test_a_state_file_that_cannot_be_written_is_named(folder_desk: WatchedFolderDesk) -> None:
    """If a file stands in the place of the registry's own folder, the task can't write its state file into the
    folder. The task fails, and its error names the state file.
    """
    folder_desk.put_whole_file()
    folder_desk.folder.touch()
    with pytest.raises(ConsoleError) as refused:
        folder_desk.updates.import_new_files()
    state_file = str(folder_desk.folder / STATE_FILE_NAME)
    assert (refused.value.code, dict(refused.value.detail)["file"]) == (ErrorCode.STORAGE_FULL, state_file)


def test_a_fetched_difference_that_cannot_be_written_is_named(
    folder_desk_with_api: WatchedFolderDesk, sandbox: Sandbox
) -> None:
    """If the difference from the Web-API can't be written, the task fails and its error names that file."""
    folder_desk_with_api.put_whole_file()
    sandbox.registry.publish_difference(MONDAY, 3)
    fetched = folder_desk_with_api.folder / "fetched"
    fetched.parent.mkdir(parents=True)
    fetched.touch()
    with pytest.raises(ConsoleError) as refused:
        folder_desk_with_api.updates.import_new_files()
    assert refused.value.code == ErrorCode.STORAGE_FULL
    assert Path(str(dict(refused.value.detail)["file"])).parent == fetched


def test_files_of_prefectures_may_arrive_one_after_the_other(folder_desk: WatchedFolderDesk) -> None:
    """If only one of two prefectures' files has arrived, the import fails, because it would remove the other
    prefecture. It succeeds as soon as the second file arrives.
    """
    for prefecture in ("13", "27"):
        write_whole_file(folder_desk.watched, WHOLE_FILE_DAY, ROW_COUNT, SEED, prefecture=prefecture)
    assert folder_desk.updates.import_new_files() == 2
    write_whole_file(folder_desk.watched, MONDAY, ROW_COUNT, SEED, prefecture="13")
    for _ in range(2):
        with pytest.raises(ConsoleError) as refused:
            folder_desk.updates.import_new_files()
        assert refused.value.detail["problem"] == RegistryOrderProblem.PREFECTURES_MISSING
    write_whole_file(folder_desk.watched, MONDAY, ROW_COUNT, SEED, prefecture="27")
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (2, MONDAY)


def test_a_damaged_registry_is_replaced_by_the_whole_file_in_the_folder(folder_desk: WatchedFolderDesk) -> None:
    """The due task `registry` replaces a damaged registry by the whole file in the watched folder. Without a whole
    file the task fails in each run.
    """
    whole = folder_desk.put_whole_file()
    folder_desk.updates.import_new_files()
    (folder_desk.folder / "current").write_bytes(b"")
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (1, WHOLE_FILE_DAY)
    whole.unlink()
    (folder_desk.folder / "current").write_bytes(b"")
    with pytest.raises(ConsoleError) as failed:
        folder_desk.updates.import_new_files()
    assert failed.value.code is ErrorCode.BAD_PROFILE


def test_a_bad_difference_does_not_change_the_registry(folder_desk: WatchedFolderDesk) -> None:
    """A bad difference file doesn't change the registry."""
    folder_desk.put_whole_file()
    folder_desk.updates.import_new_files()
    shutil.copy(folder_desk.watched / "00_zenkoku_all_20261113.zip", folder_desk.watched / "diff_20261116.zip")
    for _ in range(2):
        with pytest.raises(ConsoleError) as refused:
            folder_desk.updates.import_new_files()
        assert refused.value.code == ErrorCode.BAD_REGISTRY_FILE
    assert (folder_desk.imports, folder_desk.read_registry_date()) == (2, WHOLE_FILE_DAY)
    (folder_desk.watched / "diff_20261116.zip").unlink()
    assert folder_desk.updates.import_new_files() == 0


def test_a_missing_day_is_reported_until_its_difference_appears(folder_desk: WatchedFolderDesk) -> None:
    """The due task `registry` reports a day without a difference until its difference file appears in the watched
    folder.
    """
    folder_desk.put_whole_file()
    folder_desk.updates.import_new_files()
    folder_desk.put_difference_file(TUESDAY)
    with pytest.raises(ConsoleError) as refused:
        folder_desk.updates.import_new_files()
    assert refused.value.code == ErrorCode.REGISTRY_ORDER
    assert dict(refused.value.detail)["missing_days"] == [MONDAY.isoformat()]
    folder_desk.put_difference_file(MONDAY)
    assert (folder_desk.updates.import_new_files(), folder_desk.read_registry_date()) == (2, TUESDAY)


def test_missing_days_are_requested_up_to_yesterday(
    folder_desk_with_api: WatchedFolderDesk, sandbox: Sandbox, hand_clock: ManualClock
) -> None:
    """The desk requests from the publisher the differences from the registry date up to yesterday, 19 November. The
    publisher has differences for Monday and Wednesday, and none for Tuesday.
    """
    assert folder_desk_with_api.updates.import_new_files() == 0  # no registry yet: the Web-API isn't asked
    assert sandbox.control.read_requests("registry_diff") == []
    folder_desk_with_api.put_whole_file()
    sandbox.registry.publish_difference(MONDAY, 4_100)
    sandbox.registry.publish_difference(WEDNESDAY, 0, [close_company(SAMPLE_COMPANY, WEDNESDAY)])
    assert folder_desk_with_api.updates.import_new_files() == 1 + 3
    assert folder_desk_with_api.read_registry_date() == WEDNESDAY
    reader = open_registry(folder_desk_with_api.folder)
    assert reader is not None
    with closing(reader):
        corporation = reader.find(SAMPLE_COMPANY.corporate_number)
        assert corporation is not None
        assert corporation.closure is not None
    request_count = len(sandbox.control.read_requests("registry_diff"))
    assert request_count == 3 + 1 + 1 + 1  # three parts, an empty day, Wednesday, and Thursday, which isn't there
    assert folder_desk_with_api.updates.import_new_files() == 0
    assert len(sandbox.control.read_requests("registry_diff")) == request_count  # not again within the hour
    sandbox.registry.publish_difference(THURSDAY, 3)
    hand_clock.at += timedelta(hours=1)
    assert (folder_desk_with_api.updates.import_new_files(), folder_desk_with_api.read_registry_date()) == (
        1,
        THURSDAY,
    )
    assert list((folder_desk_with_api.folder / "fetched").iterdir()) == []


def test_a_clock_that_was_ahead_stops_no_requests(
    folder_desk_with_api: WatchedFolderDesk,
    sandbox: Sandbox,
    hand_clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While the wall clock is 30 days ahead, the Web-API has not published the next day. After the clock is correct
    again, the desk asks the Web-API again one hour later, not only after 30 days.
    """
    monotonic_at = hand_clock.monotonic()
    monkeypatch.setattr(hand_clock, "monotonic", lambda: monotonic_at)
    folder_desk_with_api.put_whole_file()
    hand_clock.at += timedelta(days=30)
    assert folder_desk_with_api.updates.import_new_files() == 1
    request_count = len(sandbox.control.read_requests("registry_diff"))
    assert request_count
    hand_clock.at -= timedelta(days=30)
    assert folder_desk_with_api.updates.import_new_files() == 0
    assert len(sandbox.control.read_requests("registry_diff")) == request_count  # not again within the hour
    monotonic_at += 3_600
    folder_desk_with_api.updates.import_new_files()
    assert len(sandbox.control.read_requests("registry_diff")) == request_count + 1


def test_rows_of_a_day_that_counts_as_a_holiday_are_fetched_with_the_next_day(
    folder_desk_with_api: WatchedFolderDesk, sandbox: Sandbox
) -> None:
    """The publisher has a difference of a day that this version of the program counts as a holiday, as after a
    later act has changed the holidays. The rows of this difference are fetched together with those of the next
    publication day.
    """
    folder_desk_with_api.put_whole_file()
    saturday = WHOLE_FILE_DAY + timedelta(days=1)
    sandbox.registry.publish_difference(saturday, 0, [close_company(SAMPLE_COMPANY, saturday)])
    sandbox.registry.publish_difference(MONDAY, 3)
    assert folder_desk_with_api.updates.import_new_files() == 1 + 1
    assert folder_desk_with_api.read_registry_date() == MONDAY
    reader = open_registry(folder_desk_with_api.folder)
    assert reader is not None
    with closing(reader):
        corporation = reader.find(SAMPLE_COMPANY.corporate_number)
    assert corporation is not None
    assert corporation.closure is not None


def test_a_leftover_of_a_killed_import_is_deleted(folder_desk_with_api: WatchedFolderDesk) -> None:
    """If a process is killed between the import of a fetched difference and the file's deletion, the next run deletes
    the file. A file of a later day stays, because another process may be importing it.
    """
    folder_desk_with_api.put_whole_file()
    fetched = folder_desk_with_api.folder / "fetched"
    fetched.mkdir(parents=True)
    for day in (WHOLE_FILE_DAY, THURSDAY):
        (fetched / f"diff_{day:%Y%m%d}.zip").write_bytes(b"PK")
    folder_desk_with_api.updates.import_new_files()
    assert [path.name for path in fetched.iterdir()] == [f"diff_{THURSDAY:%Y%m%d}.zip"]


def test_the_difference_of_today_is_not_requested(
    folder_desk_with_api: WatchedFolderDesk, sandbox: Sandbox, hand_clock: ManualClock
) -> None:
    """The desk does not request the difference of the present day from the publisher."""
    folder_desk_with_api.put_whole_file()
    hand_clock.at = datetime(2026, 11, 16, 23, 59, tzinfo=JST)
    sandbox.registry.publish_difference(MONDAY, 3)
    assert (folder_desk_with_api.updates.import_new_files(), folder_desk_with_api.read_registry_date()) == (
        1,
        WHOLE_FILE_DAY,
    )
    hand_clock.at = datetime(2026, 11, 17, 0, 1, tzinfo=JST)
    assert (folder_desk_with_api.updates.import_new_files(), folder_desk_with_api.read_registry_date()) == (1, MONDAY)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("status:404", ErrorCode.PROVIDER_AUTH),
        ("status:403", ErrorCode.RATE_LIMITED),
        ("status:400", ErrorCode.PROVIDER_REFUSED),
        ("status:500", ErrorCode.PROVIDER_UNREACHABLE),
        ("reset", ErrorCode.PROVIDER_UNREACHABLE),
    ],
)
def test_nothing_is_imported_if_the_second_part_of_a_difference_fails(
    folder_desk_with_api: WatchedFolderDesk, sandbox: Sandbox, fault: str, code: ErrorCode
) -> None:
    """If the call for the second part of a difference fails, nothing is imported and no file remains. The next run
    imports everything.
    """
    folder_desk_with_api.put_whole_file()
    sandbox.registry.publish_difference(MONDAY, 4_100)
    sandbox.control.add_fault(fault, call="registry_diff", nth=2)
    with pytest.raises(ConsoleError) as failed:
        folder_desk_with_api.updates.import_new_files()
    assert failed.value.code == code
    assert folder_desk_with_api.read_registry_date() == WHOLE_FILE_DAY
    assert list((folder_desk_with_api.folder / "fetched").iterdir()) == []
    assert (folder_desk_with_api.updates.import_new_files(), folder_desk_with_api.read_registry_date()) == (1, MONDAY)


def test_a_repeated_part_is_not_imported_as_the_next_part(
    folder_desk_with_api: WatchedFolderDesk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the publisher answers the request for the second part with the rows of the first part, nothing is imported,
    because the rows of the second part would be missing.
    """
    folder_desk_with_api.put_whole_file()
    sandbox.registry.publish_difference(MONDAY, 6_000)
    read, first = RegistryApi.read_difference, list[DifferencePart]()

    def read_and_record_part(
        api: RegistryApi, day: date, part_number: int = 1, *, first_day: date | None = None
    ) -> Outcome[DifferencePart]:
        """Read the part, but return it with the lines of the first part that was read."""
        outcome = read(api, day, part_number, first_day=first_day)
        assert outcome.content is not None
        first.append(outcome.content)
        return replace(outcome, content=replace(outcome.content, lines=first[0].lines))

    with monkeypatch.context() as patch:
        patch.setattr(RegistryApi, "read_difference", read_and_record_part)
        with pytest.raises(ConsoleError) as refused:
            folder_desk_with_api.updates.import_new_files()
    assert (refused.value.code, refused.value.detail["cause"]) == (
        ErrorCode.PROVIDER_ANSWER_UNUSABLE,
        "repeated_part",
    )
    assert folder_desk_with_api.read_registry_date() == WHOLE_FILE_DAY
    assert (folder_desk_with_api.updates.import_new_files(), folder_desk_with_api.read_registry_date()) == (1, MONDAY)


@pytest.mark.expects_log("a missing day is told by the task's failure")
def test_the_scheduler_runs_the_update_and_the_doctor_reports_failures(
    folder_desk: WatchedFolderDesk, hand_clock: ManualClock
) -> None:
    """The scheduler runs the due task `registry`, and the command `doctor` reports its failures."""
    folder_desk.put_whole_file()
    assert {run.task: run.count for run in folder_desk.console.recovery.run_all_tasks()}["registry"] == 1
    folder_desk.put_difference_file(TUESDAY)
    for _ in range(3):
        with pytest.raises(ConsoleError) as failed:
            folder_desk.console.recovery.run_all_tasks()
        assert failed.value.code == ErrorCode.REGISTRY_ORDER
    checks = {check.name: check for check in folder_desk.console.health.run_all_checks()}
    assert not checks["tasks"].ok
    assert checks["registry"].facts == {"day": WHOLE_FILE_DAY.isoformat(), "n": ROW_COUNT + 1}
    assert "registry" in str(checks["tasks"].facts)


@pytest.mark.parametrize("is_missing", [True, False])
def test_only_a_missing_watched_folder_is_reported(folder_desk: WatchedFolderDesk, is_missing: bool) -> None:
    """If the watched folder is missing, as with a disconnected network drive, or is empty, nothing is imported and
    the task does not fail. The command `doctor` reports only a missing folder as a problem.
    """
    folder_desk.put_whole_file()
    shutil.rmtree(folder_desk.watched)
    if not is_missing:
        folder_desk.watched.mkdir()
    assert folder_desk.updates.import_new_files() == 0
    check = find_registry_check(folder_desk)
    assert (check.ok, check.message) == (
        (False, "doctor.registry.bad") if is_missing else (True, "doctor.registry.empty")
    )
