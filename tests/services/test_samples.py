"""Tests of invented sample records: their contents, and that a desk with them is in a state that real work could
produce.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from console.app import Console, open_console
from console.cli.servers.demo import render_sample_report_pdf
from console.demo.samples import CheckSample, generate_credit_checks, write_samples
from console.domain.corporation_number import is_well_formed
from console.domain.records import Person
from console.sandbox.alarmbox import companies as content
from console.settings.settings import Settings
from tests.support.desks import make_environment

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
SAMPLE_OPERATORS = (
    Person("op-a", frozenset({"operator"}), may_buy=True),
    Person("lead-b", frozenset({"approver"}), may_buy=True),
    Person("aud-e", frozenset({"auditor"}), may_buy=False),
)


def describe_company(number: str) -> tuple[str, str]:
    """Return the invented name and the invented result of the corporation with this corporation number."""
    return content.make_company_name(number), content.get_credit_verdict(number)


@cache
def make_samples(count: int = 400) -> tuple[CheckSample, ...]:
    """Return this number of sample credit checks for seed 1."""
    return generate_credit_checks(1, datetime.now(UTC), describe_company, count)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    environment = make_environment(tmp_path, "http://127.0.0.1:9")
    with open_console(Settings.load(environment)) as desk:
        write_samples(desk._context, make_samples(), SAMPLE_OPERATORS, render_sample_report_pdf)
        yield desk


def test_the_same_seed_makes_the_same_records() -> None:
    """Two runs with the same seed give equal records; another seed gives other records."""
    first, second = (generate_credit_checks(7, NOW, describe_company, 300) for _ in range(2))
    assert repr(first[:50]) == repr(second[:50])
    assert [s.corporation_number for s in first] == [s.corporation_number for s in second]
    assert [s.corporation_number for s in first] != [
        s.corporation_number for s in generate_credit_checks(8, NOW, describe_company, 300)
    ]


def test_two_thousand_samples_have_every_kind() -> None:
    """The generator makes 2,000 sample credit checks, sorted by their start (oldest first) and without events in the
    future. They include each kind of credit check that support staff may see, such as running, unknown, superseded
    and duplicate.
    """
    made = generate_credit_checks(1, NOW, describe_company)
    kinds = Counter(sample.sample_kind for sample in made)
    assert len(made) == 2_000
    assert [sample.begun_at for sample in made] == sorted(sample.begun_at for sample in made)
    assert max(event.at for sample in made for event in sample.events) <= NOW
    expected = {
        "running", "lapsed", "unknown", "half_decided", "misfit", "error", "decided_unbought", "incomplete",
        "viewing_over", "superseded", "renewal", "two_reports", "several_clients", "contradicted", "duplicate",
        "by_other_bought", "by_other_open", "by_other_spelling", "no_number", "complete",
    }  # fmt: skip
    assert expected <= kinds.keys()
    assert kinds["complete"] > 1_500


def test_no_sample_number_can_belong_to_a_real_company() -> None:
    """Each sample corporation number is valid. After its check digit it begins with a code that no registry office
    has.
    """
    own = [sample.corporation_number for sample in make_samples() if sample.journal_state]
    assert all(is_well_formed(number) and number[1:3] == "99" for number in own)


def test_a_desk_with_samples_has_records_in_every_queue(console: Console) -> None:
    """On a desk with samples, each queue has records, and each record has an explanation."""
    for name in ("pending", "error", "incomplete", "unknown", "review"):
        items = console.recovery.read_queue(name, 200).items
        assert items, name
        assert all(item.explanation.why and item.explanation.next_step.code for item in items)
    reasons = {item.explanation.why for item in console.recovery.read_queue("unknown", 200).items}
    assert reasons == {"why.no_answer", "why.lapsed", "why.answer_does_not_fit"}


def test_the_trail_of_a_filled_desk_is_unbroken(console: Console) -> None:
    """The audit rows of the samples are chained and anchored like all other audit rows."""
    with console.acting_as("aud-e"):
        assert console.audit.verify_chains() >= sum(len(sample.events) for sample in make_samples())


def test_a_contradicting_answer_has_its_own_time(console: Console) -> None:
    """The contradicting answer of a sample has the time of its own arrival, not that of the answer to the
    purchase.
    """
    for sample in make_samples():
        if sample.sample_kind == "contradicted":
            view = console.credit_checks.read_credit_check(sample.id)
            assert view.evidence[-1].at == sample.events[-1].at
            assert "NOT_FOUND" in view.evidence[-1].summary


def test_a_second_person_sees_the_evidence_of_each_proposal(console: Console) -> None:
    """The list of the proposals that wait for a second person shows the statement of the first person, and the audit
    entry of each sample proposal names this evidence.
    """
    proposals = console.recovery.list_proposals()
    assert len(proposals) == sum(sample.sample_kind == "half_decided" for sample in make_samples()) > 0
    for proposal in proposals:
        view = console.credit_checks.read_credit_check(int(proposal.record_id))
        (stated,) = (item for item in view.evidence if item.source == "person")
        assert proposal.evidence_summary == stated.summary
        (proposed,) = (entry for entry in view.timeline if entry.what == "credit-check.resolve_proposed")
        assert proposed.detail["evidence"] == stated.id


def test_documents_of_samples_can_be_read(console: Console) -> None:
    """Each sample record with a PDF has a readable PDF. If the provider changed it, the earlier PDF is readable,
    too.
    """
    changed = next(sample for sample in make_samples() if sample.sample_kind == "two_reports")
    view = console.credit_checks.read_credit_check(changed.id)
    assert [document.is_current for document in view.documents] == [True, False]
    assert console.credit_checks.read_pdf(changed.id).startswith(b"%PDF-")
    assert view.timeline
    assert view.evidence


def test_chains_and_duplicates_point_to_each_other(console: Console) -> None:
    """A superseded record names its successor, and a duplicate names the live record. Each client and corporation
    number has one live record.
    """
    for sample in make_samples():
        if sample.newer_sample or sample.original_sample:
            record = console.credit_checks.read_credit_check(sample.id).record
            assert record.superseded_by == (sample.newer_sample.id if sample.newer_sample else None)
            assert record.duplicate_of == (sample.original_sample.id if sample.original_sample else None)
            assert not record.is_live
