"""Frees objects in reference cycles that tests leave behind. It is used in processes that have made a window, because
Python's automatic garbage collection is off there.
"""

import gc

_OLDEST_GENERATION = 2
_count_after_last_collection = [0]
"""Number of objects in the oldest generation after the last collection of all generations."""
_count_of_last_check = [0]
"""Number of collections of the middle generation between the last collection of all generations and the last count of
objects.
"""


def collect_if_due() -> None:
    """Collect the generations that Python's automatic garbage collection would collect now. All generations are
    collected only if the oldest one has grown by more than a quarter since the last such collection, because most of
    its objects exist until the end of the process. The function counts the objects of the oldest generation only
    sometimes, because the count is slow.
    """
    counts, thresholds = gc.get_count(), gc.get_threshold()
    young, middle, _ = (count > threshold for count, threshold in zip(counts, thresholds, strict=True))
    if not young:
        return
    gc.collect(1 if middle else 0)
    collections = gc.get_count()[_OLDEST_GENERATION]
    if middle and collections > _count_of_last_check[0] + gc.get_threshold()[_OLDEST_GENERATION]:
        _count_of_last_check[0] = collections
        if len(gc.get_objects(generation=_OLDEST_GENERATION)) > _count_after_last_collection[0] * 5 // 4:
            gc.collect()
            _count_after_last_collection[0], _count_of_last_check[0] = (
                len(gc.get_objects(generation=_OLDEST_GENERATION)),
                0,
            )
