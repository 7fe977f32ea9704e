"""Frees what tests leave behind in cycles, where Python's own collector is off: a process that has made a window."""

import gc

_ALL = 2
_left_by_last = [0]
"""Objects that the last collection of all generations left, in the oldest one."""
_counted_at = [0]
"""How often the middle generation had been collected, since the last collection of all, when objects were counted."""


def collect_if_due() -> None:
    """Collect what Python's own collector would. It looks through the objects of all generations only when those that
    have grown old since then are more than a quarter: most of them stay until the end of the process. They are
    counted only now and then, because counting lists them all: after each test it took a twentieth of the run.
    """
    counts, thresholds = gc.get_count(), gc.get_threshold()
    young, middle, _ = (count > threshold for count, threshold in zip(counts, thresholds, strict=True))
    if not young:
        return
    gc.collect(1 if middle else 0)
    collections = gc.get_count()[_ALL]
    if middle and collections > _counted_at[0] + gc.get_threshold()[_ALL]:
        _counted_at[0] = collections
        if len(gc.get_objects(generation=_ALL)) > _left_by_last[0] * 5 // 4:
            gc.collect()
            _left_by_last[0], _counted_at[0] = len(gc.get_objects(generation=_ALL)), 0
