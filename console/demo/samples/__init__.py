"""Sample credit checks, payments and refunds in every state, for the demo and for benchmarks. The same seed always
gives the same samples.

`generate_credit_checks` and `generate_payments` return samples in memory, and `write_samples` writes them to a
database. The caller should also register each sample's `report` at the simulated provider. Then the samples can be
re-fetched, and a person can decide about a sample by the id that the provider has given to it.
"""

from collections.abc import Sequence
from datetime import datetime

from console.demo.samples import payment_recipes as money_kinds
from console.demo.samples.credit_check_factory import CLIENT_IDS, CheckSample, CheckSampleFactory, CompanyDescriber
from console.demo.samples.credit_check_recipes import CHECK_SAMPLE_RECIPES
from console.demo.samples.payment_factory import PaymentSample, PaymentSampleFactory
from console.demo.samples.sample_writer import PdfRenderer, write_samples

__all__ = [
    "CLIENT_IDS",
    "CompanyDescriber",
    "PaymentSample",
    "PdfRenderer",
    "CheckSample",
    "write_samples",
    "generate_credit_checks",
    "generate_payments",
]


def generate_credit_checks(
    seed: int, now: datetime, describe: CompanyDescriber, count: int = 2_000
) -> tuple[CheckSample, ...]:
    """Return `count` sample credit checks, oldest first, with ids from 1; more than `count` if the recipes yield
    more. Each kind of situation occurs; all other samples are purchased and complete. `describe` returns the name and
    the credit result (ok, hold or ng) of a company for its corporation number."""
    factory = CheckSampleFactory(seed, now, describe)
    samples = [sample for recipe in CHECK_SAMPLE_RECIPES for sample in recipe(factory)]
    samples += [
        factory.make_purchased_check("complete", factory.pick_workday_instant(0, 760))
        for _ in range(count - len(samples))
    ]
    samples.sort(key=lambda sample: sample.begun_at)
    for record_id, sample in enumerate(samples, 1):
        sample.id = record_id
    return tuple(samples)


def generate_payments(
    seed: int, now: datetime, samples: Sequence[CheckSample], count: int = 120
) -> tuple[PaymentSample, ...]:
    """Return `count` sample payments with their orders and refunds, oldest first; more than `count` if the recipes
    yield more. Each kind of situation occurs; all other samples are paid. The payments belong to the corporations of
    the newest credit checks in `samples` that this application purchased. If there is no such credit check, they get
    newly made corporation numbers."""
    bought_numbers = [
        sample.corporation_number for sample in samples if sample.journal_state and sample.status == "success"
    ][-count // 2 :]
    number_factory = CheckSampleFactory(seed, now, lambda number: (number, "ok"))
    factory = PaymentSampleFactory(
        seed, now, bought_numbers or [number_factory.make_next_corporation_number() for _ in range(count // 2)]
    )
    sample_list = [payment for recipe in money_kinds.PAYMENT_SAMPLE_RECIPES for payment in recipe(factory)]
    sample_list += [money_kinds.make_complete_payment(factory) for _ in range(count - len(sample_list))]
    return tuple(sorted(sample_list, key=lambda payment: payment.begun_at))
