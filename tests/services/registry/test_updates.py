"""The due task `registry`: files of a watched folder, the Web-API, and failures that stay visible."""

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
from console.domain.error_reasons import RegistryFileProblem, RegistryOrderProblem
from console.domain.errors import ConsoleError, ErrorCode
from console.domain.provider_outcome import Outcome
from console.domain.registry.corporations import ImportProgress, RegistryStatus
from console.providers.registry.client import RegistryApi
from console.providers.registry.responses import DifferencePart
from console.sandbox import Sandbox
from console.sandbox.environment.credentials import REGISTRY_APPLICATION_ID
from console.sandbox.registry import close_company, make_company_row, write_difference_file, write_whole_file
from console.services.registry.updates import RegistryUpdater
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from console.store.registry.watched_folder import STATE_FILE_NAME
from console.wiring.providers import open_registry_api
from tests.support.ledger_vendor import LedgerVendor
from tests.support.quick_desks import ManualClock, open_quick_desk

WHOLE_DAY, MON, TUE, WED, THU = (date(2026, 11, day) for day in (13, 16, 17, 18, 19))
ROWS, SEED = 300, 5
SAMPLE_COMPANY = make_company_row("1180301018771", "架空商事株式会社")


class WatchedFolderDesk:
    """A desk with a watched folder and the due task `registry`; `imports` counts the imports."""

    def __init__(self, console: Console, watched: Path) -> None:
        self.console, self.watched = console, watched
        self.folder = console._context.settings.home / "registry"
        self.imports = 0
        self.updates = RegistryUpdater(
            console._context, self._import_files, lambda: open_registry_api(console._context), lambda: False
        )

    def _import_files(self, paths: Sequence[Path]) -> RegistryStatus:
        """Import the files and count the import."""
        self.imports += 1
        return import_registry_files(self.folder, paths)

    def put_whole(self) -> Path:
        """Put a whole file into the watched folder and return its path."""
        return write_whole_file(self.watched, WHOLE_DAY, ROWS, SEED, first_rows=[SAMPLE_COMPANY])

    def put_difference(self, day: date) -> Path:
        """Put the difference file of this day into the watched folder and return its path."""
        return write_difference_file(self.watched, day, 20, SEED, whole_rows=ROWS)

    def read_registry_date(self) -> date | None:
        """Return the registry's date; None without a registry."""
        reader = open_registry(self.folder)
        if reader is None:
            return None
        with closing(reader):
            return reader.registry_date


@pytest.fixture
def stage(home: Path, vendor: LedgerVendor, hand_clock: ManualClock, tmp_path: Path) -> Iterator[WatchedFolderDesk]:
    """A desk with a watched folder and without an application id."""
    with closing(open_quick_desk(home, vendor, hand_clock, REGISTRY_FOLDER=str(tmp_path))) as console:
        yield WatchedFolderDesk(console, tmp_path)


@pytest.fixture
def stage_with_api(
    home: Path, vendor: LedgerVendor, hand_clock: ManualClock, sandbox: Sandbox, tmp_path: Path
) -> Iterator[WatchedFolderDesk]:
    """A desk with an application id; the simulated publisher has the same registry as the folder's whole file."""
    facts = {"REGISTRY_URL": sandbox.url, "SECRET_REGISTRY_APPLICATION_ID": REGISTRY_APPLICATION_ID}
    sandbox.registry.publish_whole(ROWS, SEED, WHOLE_DAY, [SAMPLE_COMPANY])
    with closing(open_quick_desk(home, vendor, hand_clock, REGISTRY_FOLDER=str(tmp_path), **facts)) as console:
        yield WatchedFolderDesk(console, tmp_path)


def test_each_file_in_the_folder_is_imported_once(stage: WatchedFolderDesk) -> None:
    """Each file that appears in the folder is imported once."""
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (0, None)
    stage.put_whole()
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (1, WHOLE_DAY)
    assert stage.updates.import_new_files() == 0
    stage.put_difference(MON)
    stage.put_difference(TUE)
    (stage.watched / "notes.txt").write_text("not one of theirs")
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (2, TUE)
    assert stage.updates.import_new_files() == 0
    assert stage.imports == 2
    assert sorted(path.suffix for path in stage.watched.iterdir()) == [".txt", ".zip", ".zip", ".zip"]


def test_a_growing_file_is_not_imported(stage: WatchedFolderDesk, tmp_path: Path) -> None:
    """A file that still grows isn't imported until its copy is complete."""
    whole = stage.put_whole()
    content = whole.read_bytes()
    for part in (0, 1, len(content) // 2, len(content) - 1):
        whole.write_bytes(content[:part])
        assert (stage.updates.import_new_files(), stage.imports) == (0, 0)
    whole.write_bytes(content)
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (1, WHOLE_DAY)


def test_a_truncated_file_is_reported_until_it_is_replaced(stage: WatchedFolderDesk) -> None:
    """A truncated file is reported, and read again only after it was replaced."""
    whole = stage.put_whole()
    content = whole.read_bytes()
    whole.write_bytes(content[:-40])
    assert stage.updates.import_new_files() == 0  # may still be being copied
    for _ in range(3):
        with pytest.raises(ConsoleError) as refused:
            stage.updates.import_new_files()
        assert refused.value.code == ErrorCode.BAD_REGISTRY_FILE
        detail = dict(refused.value.detail)
        assert (detail["file"], detail["problem"]) == (whole.name, RegistryFileProblem.INCOMPLETE_ZIP)
    assert stage.imports == 1
    whole.write_bytes(content)
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (1, WHOLE_DAY)


STRANGE_REFUSALS: list[object] = [
    None, [], {}, "x", 5, {"stamp": []}, {"code": None}, {"code": "no_such_code"}, {"code": []}, {"stamp": "xx"},
    {"detail": None}, {"detail": {"problem": {}}}, {"detail": [[]]},
]  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE_REFUSALS, ids=str)
def test_a_stored_refusal_that_cannot_be_read_is_forgotten(stage: WatchedFolderDesk, strange: object) -> None:
    """The stored note about a refused file is unreadable, for example from a newer release: the file is read again,
    and the task continues.
    """
    whole = stage.put_whole()
    whole.write_bytes(whole.read_bytes()[:-40])
    assert stage.updates.import_new_files() == 0
    for _ in range(2):
        with pytest.raises(ConsoleError):
            stage.updates.import_new_files()
    state_file = stage.folder / STATE_FILE_NAME
    state = json.loads(state_file.read_text())
    known_refusal = state["refused"][whole.name]
    state["refused"][whole.name] = {**known_refusal, **strange} if isinstance(strange, dict) and strange else strange
    state_file.write_text(json.dumps(state))
    with pytest.raises(ConsoleError) as refused:
        stage.updates.import_new_files()
    assert (refused.value.code, stage.imports) == (ErrorCode.BAD_REGISTRY_FILE, 2)


def test_a_file_that_is_deleted_hides_no_other(stage: WatchedFolderDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is deleted while the worker reads the folder: the other files are imported."""
    stage.put_whole()
    gone, is_file = stage.put_difference(MON), Path.is_file

    def is_file_until_now(path: Path) -> bool:
        was_file = is_file(path)
        if path.name == gone.name:
            path.unlink(missing_ok=True)
        return was_file

    monkeypatch.setattr(Path, "is_file", is_file_until_now)
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (1, WHOLE_DAY)


def test_a_file_replaced_during_its_import_is_imported_later(
    stage: WatchedFolderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad file is replaced during its import: the stored error is about the former file, and the next run imports
    the new one.
    """
    whole = stage.put_whole()

    def replace_checked_file(progress: ImportProgress) -> None:
        if progress.step == "read":
            write_whole_file(whole.parent, WHOLE_DAY, 7, 2)

    with monkeypatch.context() as patch:
        replacing = partial(import_registry_files, on_progress=replace_checked_file)
        patch.setattr(f"{__name__}.import_registry_files", replacing)
        with pytest.raises(ConsoleError) as refused:
            stage.updates.import_new_files()
    assert dict(refused.value.detail)["problem"] == RegistryFileProblem.FILE_CHANGED
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (1, WHOLE_DAY)


def test_a_file_that_could_not_be_read_is_read_again(
    stage: WatchedFolderDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that couldn't be read, because of its permissions or the network drive, is read again at the next run,
    although its size and time are unchanged.
    """
    stage.put_whole()

    def refuse_to_open(path: Path) -> NoReturn:
        raise PermissionError(errno.EACCES, "denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("console.store.registry.source_file.open_ordinary_file", refuse_to_open)
        with pytest.raises(ConsoleError) as refused:
            stage.updates.import_new_files()
    assert refused.value.detail["problem"] == RegistryFileProblem.FILE_UNREADABLE
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (1, WHOLE_DAY)


def test_files_of_prefectures_may_arrive_one_after_the_other(stage: WatchedFolderDesk) -> None:
    """If the file of only one of two prefectures has arrived, the import fails, because it would remove the other
    prefecture; it succeeds as soon as the second file is there.
    """
    for prefecture in ("13", "27"):
        write_whole_file(stage.watched, WHOLE_DAY, ROWS, SEED, prefecture=prefecture)
    assert stage.updates.import_new_files() == 2
    write_whole_file(stage.watched, MON, ROWS, SEED, prefecture="13")
    for _ in range(2):
        with pytest.raises(ConsoleError) as refused:
            stage.updates.import_new_files()
        assert refused.value.detail["problem"] == RegistryOrderProblem.PREFECTURES_MISSING
    write_whole_file(stage.watched, MON, ROWS, SEED, prefecture="27")
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (2, MON)


def test_a_damaged_registry_is_replaced_by_the_whole_file_in_the_folder(stage: WatchedFolderDesk) -> None:
    """A damaged registry is replaced by the whole file in the folder. Without a whole file the task fails in each
    run.
    """
    whole = stage.put_whole()
    stage.updates.import_new_files()
    (stage.folder / "current").write_bytes(b"")
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (1, WHOLE_DAY)
    whole.unlink()
    (stage.folder / "current").write_bytes(b"")
    with pytest.raises(ConsoleError) as failed:
        stage.updates.import_new_files()
    assert failed.value.code is ErrorCode.BAD_PROFILE


def test_a_bad_difference_does_not_change_the_registry(stage: WatchedFolderDesk) -> None:
    """A bad difference file doesn't change the registry."""
    stage.put_whole()
    stage.updates.import_new_files()
    shutil.copy(stage.watched / "00_zenkoku_all_20261113.zip", stage.watched / "diff_20261116.zip")
    for _ in range(2):
        with pytest.raises(ConsoleError) as refused:
            stage.updates.import_new_files()
        assert refused.value.code == ErrorCode.BAD_REGISTRY_FILE
    assert (stage.imports, stage.read_registry_date()) == (2, WHOLE_DAY)
    (stage.watched / "diff_20261116.zip").unlink()
    assert stage.updates.import_new_files() == 0


def test_a_missing_day_is_reported_until_its_difference_appears(stage: WatchedFolderDesk) -> None:
    """A missing day is reported until its difference appears."""
    stage.put_whole()
    stage.updates.import_new_files()
    stage.put_difference(TUE)
    with pytest.raises(ConsoleError) as refused:
        stage.updates.import_new_files()
    assert refused.value.code == ErrorCode.REGISTRY_ORDER
    assert dict(refused.value.detail)["missing_days"] == [MON.isoformat()]
    stage.put_difference(MON)
    assert (stage.updates.import_new_files(), stage.read_registry_date()) == (2, TUE)


def test_missing_days_are_requested_up_to_yesterday(
    stage_with_api: WatchedFolderDesk, sandbox: Sandbox, hand_clock: ManualClock
) -> None:
    """The desk asks the publisher for the days since the registry's date up to yesterday, 19 November; the publisher
    has differences of Monday to Wednesday, and none of Tuesday.
    """
    assert stage_with_api.updates.import_new_files() == 0  # no registry yet: the Web-API isn't asked
    assert sandbox.control.read_requests("registry_diff") == []
    stage_with_api.put_whole()
    sandbox.registry.publish_difference(MON, 4_100)
    sandbox.registry.publish_difference(WED, 0, [close_company(SAMPLE_COMPANY, WED)])
    assert stage_with_api.updates.import_new_files() == 1 + 3
    assert stage_with_api.read_registry_date() == WED
    reader = open_registry(stage_with_api.folder)
    assert reader is not None
    with closing(reader):
        found = reader.find(SAMPLE_COMPANY.corporate_number)
        assert found is not None
        assert found.closure is not None
    asked = len(sandbox.control.read_requests("registry_diff"))
    assert asked == 3 + 1 + 1 + 1  # three parts, an empty day, Wednesday, and Thursday, which isn't there
    assert stage_with_api.updates.import_new_files() == 0
    assert len(sandbox.control.read_requests("registry_diff")) == asked  # not again within the hour
    sandbox.registry.publish_difference(THU, 3)
    hand_clock.at += timedelta(hours=1)
    assert (stage_with_api.updates.import_new_files(), stage_with_api.read_registry_date()) == (1, THU)
    assert list((stage_with_api.folder / "fetched").iterdir()) == []


def test_a_leftover_of_a_killed_import_is_deleted(stage_with_api: WatchedFolderDesk) -> None:
    """A process that is killed between the import of a fetched difference and its deletion leaves the file; the next
    run deletes it. The file of a later day stays, because another process may be importing it.
    """
    stage_with_api.put_whole()
    fetched = stage_with_api.folder / "fetched"
    fetched.mkdir(parents=True)
    for day in (WHOLE_DAY, THU):
        (fetched / f"diff_{day:%Y%m%d}.zip").write_bytes(b"PK")
    stage_with_api.updates.import_new_files()
    assert [path.name for path in fetched.iterdir()] == [f"diff_{THU:%Y%m%d}.zip"]


def test_the_difference_of_today_is_not_requested(
    stage_with_api: WatchedFolderDesk, sandbox: Sandbox, hand_clock: ManualClock
) -> None:
    """The desk doesn't ask the publisher for the present day."""
    stage_with_api.put_whole()
    hand_clock.at = datetime(2026, 11, 16, 23, 59, tzinfo=JST)
    sandbox.registry.publish_difference(MON, 3)
    assert (stage_with_api.updates.import_new_files(), stage_with_api.read_registry_date()) == (1, WHOLE_DAY)
    hand_clock.at = datetime(2026, 11, 17, 0, 1, tzinfo=JST)
    assert (stage_with_api.updates.import_new_files(), stage_with_api.read_registry_date()) == (1, MON)


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
def test_a_call_that_fails_in_the_middle_leaves_nothing(
    stage_with_api: WatchedFolderDesk, sandbox: Sandbox, fault: str, code: ErrorCode
) -> None:
    """The call for the second part fails: nothing is imported and no file remains; the next run
    imports everything.
    """
    stage_with_api.put_whole()
    sandbox.registry.publish_difference(MON, 4_100)
    sandbox.control.add_fault(fault, call="registry_diff", nth=2)
    with pytest.raises(ConsoleError) as failed:
        stage_with_api.updates.import_new_files()
    assert failed.value.code == code
    assert stage_with_api.read_registry_date() == WHOLE_DAY
    assert list((stage_with_api.folder / "fetched").iterdir()) == []
    assert (stage_with_api.updates.import_new_files(), stage_with_api.read_registry_date()) == (1, MON)


def test_a_part_that_is_answered_twice_is_not_taken_for_the_next_one(
    stage_with_api: WatchedFolderDesk, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The publisher answers the request for the second part with the rows of the first one: nothing is imported,
    because the rows of the second part would be missing.
    """
    stage_with_api.put_whole()
    sandbox.registry.publish_difference(MON, 6_000)
    read, first = RegistryApi.read_difference, list[DifferencePart]()

    def read_and_note_part(api: RegistryApi, day: date, part_number: int = 1) -> Outcome[DifferencePart]:
        outcome = read(api, day, part_number)
        assert outcome.found is not None
        first.append(outcome.found)
        return replace(outcome, found=replace(outcome.found, lines=first[0].lines))

    with monkeypatch.context() as patch:
        patch.setattr(RegistryApi, "read_difference", read_and_note_part)
        with pytest.raises(ConsoleError) as refused:
            stage_with_api.updates.import_new_files()
    assert (refused.value.code, refused.value.detail["cause"]) == (
        ErrorCode.PROVIDER_ANSWER_UNUSABLE,
        "repeated_part",
    )
    assert stage_with_api.read_registry_date() == WHOLE_DAY
    assert (stage_with_api.updates.import_new_files(), stage_with_api.read_registry_date()) == (1, MON)


@pytest.mark.expects_log("a missing day is told by the task's failure")
def test_the_scheduler_runs_the_update_and_the_doctor_reports_failures(
    stage: WatchedFolderDesk, hand_clock: ManualClock
) -> None:
    """The scheduler runs the task, and `doctor` reports its failures."""
    stage.put_whole()
    assert {run.task: run.count for run in stage.console.recovery.run_all_tasks()}["registry"] == 1
    stage.put_difference(TUE)
    for _ in range(3):
        with pytest.raises(ConsoleError) as failed:
            stage.console.recovery.run_all_tasks()
        assert failed.value.code == ErrorCode.REGISTRY_ORDER
    checks = {check.name: check for check in stage.console.health.run_all_checks()}
    assert not checks["tasks"].ok
    assert checks["registry"].facts == {"day": WHOLE_DAY.isoformat(), "n": ROWS + 1}
    assert "registry" in str(checks["tasks"].facts)


@pytest.mark.parametrize("gone", [True, False])
def test_a_missing_watched_folder_is_reported(stage: WatchedFolderDesk, gone: bool) -> None:
    """The watched folder is missing, like a network drive that is away: nothing is imported, and the task doesn't
    fail.
    """
    stage.put_whole()
    shutil.rmtree(stage.watched)
    if not gone:
        stage.watched.mkdir()
    assert stage.updates.import_new_files() == 0
    check = next(check for check in stage.console.health.run_all_checks() if check.name == "registry")
    assert (check.ok, check.message) == ((False, "doctor.registry.bad") if gone else (True, "doctor.registry.empty"))
