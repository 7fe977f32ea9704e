"""Invented credit checks in every state, the same for the same seed: what the demo fills its desk with.

`generate` makes pure values, `fill` puts them into a database. The provider's side of each (`report`) is for
a sandbox to know, so that a re-fetch and a decision by the provider's id work on them too.
"""

from datetime import datetime

from console.services.samples.kinds import RECIPES
from console.services.samples.maker import CLIENTS, Describe, Maker, Sample
from console.services.samples.writer import Render, fill

__all__ = ["CLIENTS", "Describe", "Render", "Sample", "fill", "generate"]


def generate(seed: int, now: datetime, describe: Describe, count: int = 2_000) -> tuple[Sample, ...]:
    """`count` records, oldest first, with ids from 1: some of every kind, the rest bought and complete."""
    maker = Maker(seed, now, describe)
    samples = [sample for recipe in RECIPES for sample in recipe(maker)]
    samples += [maker.bought("complete", maker.workday(0, 760)) for _ in range(count - len(samples))]
    samples.sort(key=lambda sample: sample.at)
    for record_id, sample in enumerate(samples, 1):
        sample.id = record_id
    return tuple(samples)
