"""Invented corporation numbers, as many as a test wants: well-formed, and the same ones for the same seed."""

import random

from console.domain.corporation_number import compute_check_digit


def numbers(count: int, seed: int = 0) -> tuple[str, ...]:
    """`count` different numbers. Different seeds may share some."""
    chance = random.Random(f"numbers:{seed}")
    made: dict[str, None] = {}
    while len(made) < count:
        base = "".join(chance.choices("0123456789", k=12))
        made[compute_check_digit(base) + base] = None
    return tuple(made)
