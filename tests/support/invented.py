"""Invents corporation numbers with valid check digits. The same seed always gives the same numbers."""

import random

from console.domain.corporation_number import compute_check_digit


def invent_numbers(count: int, seed: int = 0) -> tuple[str, ...]:
    """Return `count` different corporation numbers. Two seeds may have some numbers in common."""
    chance = random.Random(f"numbers:{seed}")
    made: dict[str, None] = {}
    while len(made) < count:
        base = "".join(chance.choices("0123456789", k=12))
        made[compute_check_digit(base) + base] = None
    return tuple(made)
