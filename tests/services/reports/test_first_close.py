"""Tests of the first close of a day, with which later closes are compared: the facts in its audit entry, and closes
that can't be compared or have no file.
"""

import errno
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.app import Console
from console.domain.errors import ConsoleError
from console.domain.records import AuditEntry
from console.domain.reports.daily_close import (
    MAX_STORED_UNKNOWN_NAMES,
    DailyClose,
    DailyCloseChange,
    DailyCloseMoney,
    NotFinalReason,
    UnknownRecord,
    compare_close_facts,
    make_close_facts,
)
from console.domain.reports.refund_funnel import CountAndSum
from console.settings.unfinished_files import UnfinishedFile
from console.store.audit.trail import LONGEST_DETAIL_CHARACTERS
from console.wording.daily_close import format_daily_close_change_lines, format_daily_close_notes
from console.wording.exports.daily_close import make_daily_close_document
from console.wording.sentences.text_context import FileTextContext
from tests.services.reports.test_daily_close import DAY_BEGIN, YESTERDAY
from tests.support.in_memory_alarmbox import InMemoryAlarmBox
from tests.support.places import Place
from tests.support.quick_desks import ManualClock
from tests.support.report_rows import NOW, ReportRows

CLOSE_FACTS = {
    "money": {
        "JPY": {
            name: [1, 3_300] for name in ("captured", "refunded", "reversed", "unknown_opening", "unknown_closing")
        }
    },
    "unknown": ["payment 8"],
    "reconciliation": None,
}
"""Facts of a close as an earlier version of the program stored them."""


@pytest.fixture
def console(place: Place, alarmbox: InMemoryAlarmBox, hand_clock: ManualClock) -> Iterator[Console]:
    hand_clock.at = NOW
    with place.desk(alarmbox, hand_clock, TIME_SCALE="1") as opened:
        yield opened


def make_close(*unknown_ids: int) -> DailyClose:
    """Return a close on which payments have an unknown outcome; their ids are 10 ** 17 plus each of `unknown_ids`."""
    records = tuple(UnknownRecord("payment", 10**17 + id, f"P-{id}", "JPY", 1_000, NOW) for id in unknown_ids)
    amounts = (CountAndSum(10**6, 10**15),) * 5
    money = tuple(DailyCloseMoney(currency, *amounts) for currency in ("JPY", "INR", "USD", "EUR"))
    return DailyClose("paypay", YESTERDAY, money, records, None, (NotFinalReason.STILL_UNKNOWN,), NOW)


def list_close_entries(console: Console) -> list[AuditEntry]:
    """Return the audit entries about written closes, oldest first."""
    return [entry for entry in console.audit.list_entries(20) if entry.what == "daily_close.written"][::-1]


def insert_close_entry(rows: ReportRows, detail: object) -> None:
    """Insert an audit entry about a close of yesterday with this detail. The entry belongs to no audit chain."""
    entry = {"session": "s", "seq": 1, "at": NOW, "who": "fin-d", "desk": "d", "what": "daily_close.written"}
    subject = {"subject_kind": "daily-close", "subject_id": f"paypay {YESTERDAY.isoformat()}", "result": "done"}
    rows.insert_row("audit_log", {**entry, **subject, "detail": json.dumps(detail), "prev_hash": "", "hash": ""})


def test_the_facts_of_any_number_of_unknown_records_fit_into_an_entry() -> None:
    """An audit entry stores the facts of a close uncut, whatever the number of its unknown records. Two closes with
    the same records are equal, and another record is one change.
    """
    facts = make_close_facts(make_close(*range(5_000)))
    assert len(json.dumps(facts)) < LONGEST_DETAIL_CHARACTERS - 1_000
    stored = json.loads(json.dumps(facts))
    assert compare_close_facts(stored, make_close_facts(make_close(*reversed(range(5_000))))) == ()
    other_facts = make_close_facts(make_close(*range(1, 5_001)))
    changes = compare_close_facts(stored, other_facts)
    assert changes is not None
    ((change,), texts) = changes, [str(stored["unknown_sha256"])[:8], str(other_facts["unknown_sha256"])[:8]]
    assert change == DailyCloseChange("unknown_records", before=f"5000 / {texts[0]}", after=f"5000 / {texts[1]}")
    for language, words in (("en", "Unknown records (number / fingerprint): 5000"), ("ja", "結果不明の記録（件数")):
        close = DailyClose("paypay", YESTERDAY, (), (), None, (), NOW, changes=changes)
        assert words in "\n".join(format_daily_close_change_lines(close, language))


def test_unknown_records_are_named_while_all_names_are_stored() -> None:
    """If both closes store all names of their unknown records, each removed and added record is a change; also if the
    first close is from an earlier version, which stored neither the number nor the SHA-256 of the names.
    """
    limit = MAX_STORED_UNKNOWN_NAMES
    first, present = make_close(*range(limit)), make_close(*range(1, limit + 1))
    earlier_facts = {
        name: value for name, value in make_close_facts(first).items() if not name.startswith("unknown_")
    }
    for facts in (make_close_facts(first), earlier_facts):
        removed, added = compare_close_facts(facts, make_close_facts(present)) or ()
        assert (removed.before, added.after) == (f"payment {10**17}", f"payment {10**17 + limit}")
        assert compare_close_facts(facts, make_close_facts(first)) == ()
        (change,) = compare_close_facts(facts, make_close_facts(make_close(*range(limit + 1)))) or ()
        assert change.what == "unknown_records"


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"cut": '{"final":false,"money":{"JPY":'},
        {"unreadable": "{"},
        {**CLOSE_FACTS, "money": {"JPY": {"captured": [1, 3_300]}}},
        {**CLOSE_FACTS, "money": {"JPY": {**CLOSE_FACTS["money"]["JPY"], "captured": ["x", None]}}},  # type: ignore[call-overload,index]
        {**CLOSE_FACTS, "money": []},
        {**CLOSE_FACTS, "unknown": None},
        {**CLOSE_FACTS, "unknown": [f"payment {10**30}"]},
        {name: value for name, value in CLOSE_FACTS.items() if name != "reconciliation"},
    ],
)
def test_a_close_is_not_compared_with_missing_facts(facts: dict[str, object]) -> None:
    """A close isn't compared with the first close if the stored facts of the first close are cut, missing or
    malformed.
    """
    assert compare_close_facts(CLOSE_FACTS, CLOSE_FACTS) == ()
    assert compare_close_facts(facts, CLOSE_FACTS) is None


def test_a_cut_first_close_is_named_without_changes(console: Console, place: Place) -> None:
    """If the entry of the first close is cut, a later close names its time and person, says that it can't be
    compared, and lists no changes.
    """
    rows = ReportRows(place)
    rows.insert_payment("paypay", "completed", DAY_BEGIN, id=1, captured_minor=3_300, paid_at=DAY_BEGIN)
    insert_close_entry(rows, {"cut": '{"final":false,"money":{"JPY":'})
    close = console.reports.read_daily_close("paypay", YESTERDAY)
    assert close.first_close is not None
    assert (close.first_close.at, close.first_close.person) == (datetime(2026, 11, 20, 3, 0, tzinfo=UTC), "fin-d")
    assert (close.first_close.is_comparable, close.changes) == (False, ())
    for language, words in (("en", "the changes since then are not known"), ("ja", "その後の変更は不明です")):
        assert words in "\n".join(format_daily_close_notes(close, language))
    document = make_daily_close_document(close, FileTextContext("en", lambda: NOW))
    assert "Nothing has changed." not in [table.no_rows_text for table in document.tables]


def test_a_close_that_does_not_fit_on_the_disk_has_no_entry(
    console: Console, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content of a close is written to the disk before its audit entry. If the disk is full, neither a file
    nor an audit entry remains.
    """
    ReportRows(place).insert_payment("paypay", "completed", DAY_BEGIN, id=1, captured_minor=3_300, paid_at=DAY_BEGIN)

    def raise_disk_full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("console.settings.unfinished_files.os.fsync", raise_disk_full)
    with pytest.raises(ConsoleError) as refused:
        console.daily_closes.write("paypay", YESTERDAY, tmp_path / "close.xlsx", "en")
    assert refused.value.code == "storage_full"
    assert (list(tmp_path.glob("*.xlsx")), list_close_entries(console)) == ([], [])


def test_a_close_whose_file_got_no_name_is_no_first_close(
    console: Console, place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the file can't get its name after the audit entry, a second entry with the same SHA-256 says so, and the
    close doesn't count. A close that was written before with the same content still counts.
    """
    ReportRows(place).insert_payment("paypay", "completed", DAY_BEGIN, id=1, captured_minor=3_300, paid_at=DAY_BEGIN)
    publish = UnfinishedFile.publish

    def write_with_taken_name(name: str) -> None:
        """Write a close, and create another file with its name right after its audit entry."""

        def take_name_and_publish(draft: UnfinishedFile) -> None:
            (tmp_path / name).touch()
            publish(draft)

        with monkeypatch.context() as patch:
            patch.setattr(UnfinishedFile, "publish", take_name_and_publish)
            with pytest.raises(ConsoleError) as refused:
                console.daily_closes.write("paypay", YESTERDAY, tmp_path / name, "en")
        assert refused.value.code == "usage"

    write_with_taken_name("a.xlsx")
    assert (tmp_path / "a.xlsx").stat().st_size == 0
    written, failed = list_close_entries(console)
    assert (written.result, failed.result, failed.reason) == ("done", "failed", "usage")
    assert written.detail["sha256"] == failed.detail["sha256"]
    assert console.reports.read_daily_close("paypay", YESTERDAY).first_close is None
    console.daily_closes.write("paypay", YESTERDAY, tmp_path / "b.xlsx", "en")
    first_close = console.reports.read_daily_close("paypay", YESTERDAY).first_close
    assert first_close is not None
    console.daily_closes.write("paypay", YESTERDAY, tmp_path / "c.xlsx", "en")
    write_with_taken_name("d.xlsx")
    third, fourth, failed = list_close_entries(console)[-3:]
    assert third.detail["sha256"] == fourth.detail["sha256"] == failed.detail["sha256"]
    assert console.reports.read_daily_close("paypay", YESTERDAY).first_close == first_close
