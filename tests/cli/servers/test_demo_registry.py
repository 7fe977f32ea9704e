"""The corporation registry of the demo: it contains the companies of the sample records, and a difference has changed
some of them.
"""

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from console.demo import registry as demo_registry
from console.demo.samples import generate_credit_checks
from console.domain.registry.corporations import ChangedFact
from console.sandbox import start_sandbox
from console.sandbox.alarmbox.companies import get_credit_verdict, make_company_name
from console.store.registry.import_files import import_registry_files
from console.store.registry.reader import open_registry
from tests.sandbox.registry.test_files import read_rows

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def make_importer(home: Path) -> demo_registry.FileImporter:
    """Return the function that imports files into the registry of this home folder."""
    return lambda path, should_stop: import_registry_files(home / "registry", [path], should_stop=should_stop)


def test_the_registry_fits_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo builds a registry of 3,000 corporations. It contains the companies of the sample records with the same
    names; some are closed or merged. The difference of the last published day has changed eight of them, and the
    simulated Web-API has published the same changes.
    """
    monkeypatch.setattr(demo_registry, "REGISTRY_ROW_COUNT", 3_000)
    samples = generate_credit_checks(1, NOW, lambda number: (make_company_name(number), get_credit_verdict(number)))
    bought = [sample.corporation_number for sample in reversed(samples) if sample.status == "success"]
    numbers = [*(sample.corporation_number for sample in samples), "0000000000001"]
    plan = demo_registry.plan_demo_registry(1, NOW.date(), numbers, bought)
    assert (plan.whole_file_day, plan.difference_file_day) == (date(2026, 11, 19), date(2026, 11, 20))
    with demo_registry.import_registry_in_background(tmp_path, plan, make_importer(tmp_path)) as thread:
        thread.join()
    reader = open_registry(tmp_path / "registry")
    assert reader is not None
    with closing(reader):
        assert reader.registry_date == plan.difference_file_day
        corporations = reader.find_many([row.corporate_number for row in plan.companies])
        assert len(corporations) == len(plan.companies) > 1_800
        same = [one for one in corporations.values() if one.name == make_company_name(one.number)]
        assert len(same) > 0.95 * len(corporations)
        assert len([one for one in corporations.values() if one.closure]) > len(corporations) // 97
        assert all(one.successor in corporations for one in corporations.values() if one.successor)
        assert all(one.furigana for one in corporations.values())
        ours = [row.corporate_number for row in plan.changes]
        changes = reader.list_changes(plan.difference_file_day, ours)
        assert sorted(change.corporation_number for change in changes) == sorted(ours)
        assert len(ours) == 8
        changed_facts = {fact for change in changes for fact in change.facts}
        assert changed_facts >= {ChangedFact.NAME, ChangedFact.ADDRESS, ChangedFact.CLOSED, ChangedFact.SUCCESSOR}
    with start_sandbox() as sandbox:
        demo_registry.publish_demo_registry(sandbox, plan)
        assert sandbox.registry.last_day == plan.difference_file_day
        assert [row.process for row in sandbox.registry.list_rows_of_number(ours[0])] == ["01", "11"]
        day = plan.difference_file_day
        published = [row._replace(sequence_number="") for row in sandbox.registry.iterate_rows_between(day, day)]
    difference = tmp_path / "registry-files" / f"diff_{day:%Y%m%d}.zip"
    assert sorted(published) == sorted(row._replace(sequence_number="") for row in read_rows(difference))


def test_the_end_of_the_demo_stops_a_running_registry_import(tmp_path: Path) -> None:
    """The end of the demo stops a running registry import: the thread of the import ends, and no registry is left."""
    plan = demo_registry.plan_demo_registry(1, NOW.date(), [], [])
    with demo_registry.import_registry_in_background(tmp_path, plan, make_importer(tmp_path)) as thread:
        pass
    assert not thread.is_alive()
    assert open_registry(tmp_path / "registry") is None
