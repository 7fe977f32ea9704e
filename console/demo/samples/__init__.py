"""Invented credit checks, payments and refunds in every state, the same for the same seed: what fills the demo.

`generate` makes pure values, `fill` puts them into a database. The provider's side of each (`report`) is for
a sandbox to know, so that a re-fetch and a decision by the provider's id work on them too.
"""

from collections.abc import Sequence
from datetime import datetime

from console.services.samples import money_kinds
from console.services.samples.kinds import RECIPES
from console.services.samples.maker import CLIENTS, Describe, Maker, Sample
from console.services.samples.money_maker import MoneyMaker, PaymentSample
from console.services.samples.writer import Render, fill

__all__ = ["CLIENTS", "Describe", "PaymentSample", "Render", "Sample", "fill", "generate", "generate_payments"]


def generate(seed: int, now: datetime, describe: Describe, count: int = 2_000) -> tuple[Sample, ...]:
    """`count` records, oldest first, with ids from 1: some of every kind, the rest bought and complete."""
    maker = Maker(seed, now, describe)
    samples = [sample for recipe in RECIPES for sample in recipe(maker)]
    samples += [maker.bought("complete", maker.workday(0, 760)) for _ in range(count - len(samples))]
    samples.sort(key=lambda sample: sample.at)
    for record_id, sample in enumerate(samples, 1):
        sample.id = record_id
    return tuple(samples)


def generate_payments(
    seed: int, now: datetime, samples: Sequence[Sample], count: int = 120
) -> tuple[PaymentSample, ...]:
    """`count` payments with their orders and refunds, oldest first: some of every kind, the rest plainly paid. They
    belong to companies of `samples`, so that one company has both; without these, to companies of their own.
    """
    bought = [sample.number for sample in samples if sample.journal and sample.status == "success"][-count // 2 :]
    drawn = Maker(seed, now, lambda number: (number, "ok"))
    maker = MoneyMaker(seed, now, bought or [drawn.number() for _ in range(count // 2)])
    made = [payment for recipe in money_kinds.RECIPES for payment in recipe(maker)]
    made += [money_kinds.complete(maker) for _ in range(count - len(made))]
    return tuple(sorted(made, key=lambda payment: payment.at))
