"""Split a sequence into batches, for example because a query may name only a limited number of ids."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def split_into_batches(items: Sequence[T], items_per_batch: int) -> Iterator[Sequence[T]]:
    """Yield the items in their order, `items_per_batch` at a time; the last batch may have fewer."""
    for start in range(0, len(items), items_per_batch):
        yield items[start : start + items_per_batch]
