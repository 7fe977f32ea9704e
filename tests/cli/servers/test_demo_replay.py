"""The sample records of the demo contain stored answers of providers. A replay of their evidence packs shows that
this version of the program decides these answers as the samples state."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from console.app import open_console
from console.cli import replay
from console.cli.servers import demo
from console.demo.samples import CheckSample, PaymentSample, generate_credit_checks, generate_payments, write_samples
from console.domain.clock import SystemClock
from console.domain.records import CheckReport
from console.services.evidence.pack_verification import iterate_packs, verify_pack
from console.settings.settings import Settings
from tests.services.test_samples import describe_company
from tests.support.desks import make_environment

SampleT = TypeVar("SampleT", CheckSample, PaymentSample)


def render_pdf(report: CheckReport, revision: int) -> bytes:
    """Return a short text in place of the PDF, because no stored answer of the samples contains one."""
    return f"%PDF-1.4 {report.credit_check_id} {revision}".encode()


def list_answer_kinds(sample: CheckSample | PaymentSample) -> Iterator[tuple[str, str]]:
    """Yield the call and the outcome of each stored answer of the sample and of its refunds."""
    refunds = sample.refunds if isinstance(sample, PaymentSample) else []
    for answer in [*sample.evidence_items, *(answer for refund in refunds for answer in refund.evidence_items)]:
        yield answer.source, answer.summary


def choose_samples(samples: Iterable[SampleT]) -> list[SampleT]:
    """Return samples whose stored answers together cover every call and outcome."""
    chosen, covered_kinds = list[SampleT](), set[tuple[str, str]]()
    for sample in samples:
        answer_kinds = set(list_answer_kinds(sample))
        if not covered_kinds.issuperset(answer_kinds):
            chosen.append(sample)
            covered_kinds |= answer_kinds
    return chosen


def test_the_packs_of_the_samples_are_decided_as_recorded(tmp_path: Path) -> None:
    """For every call and outcome among the stored answers of the samples, the evidence packs of a credit check, or of
    a payment with its refunds, are replayed without a difference.
    """
    now = SystemClock().now()
    all_checks = generate_credit_checks(demo.SAMPLE_SEED, now, describe_company, 400)
    checks = choose_samples(check for check in all_checks if not (check.newer_sample or check.original_sample))
    payments = choose_samples(generate_payments(demo.SAMPLE_SEED, now, all_checks))
    with open_console(Settings.load(make_environment(tmp_path / "home", "http://127.0.0.1:9"))) as console:
        write_samples(console._context, checks, demo.DEMO_PEOPLE, render_pdf, payments)
        records: list[tuple[str, int | str]] = [("credit-check", check.id) for check in checks]
        records += [("payment", payment.id) for payment in payments if not payment.refunds]
        records += [("refund", refund.id) for payment in payments for refund in payment.refunds]
        bundle = tmp_path / "samples.zip"
        console.recovery.write_evidence_bundle(records, bundle)
    result = replay.replay_packs(iterate_packs(bundle, verify_pack(bundle)))
    assert [(one.call.provider, one.call.call_name, one.call.reason, one.reason) for one in result.differences] == []
    samples: list[CheckSample | PaymentSample] = [*checks, *payments]
    answered = [summary for sample in samples for _, summary in list_answer_kinds(sample)]
    assert result.replayed_count == sum(summary.startswith("HTTP ") for summary in answered)
