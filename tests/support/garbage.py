"""Frees what tests leave behind in cycles, where Python's own collector is off: a process that has made a window."""

import gc

_ALL = 2
_left_by_last = [0]
"""Objects that the last collection of all generations left, in the oldest one."""


def collect_if_due() -> None:
    """Collect what Python's own collector would. It looks through the objects of all generations only when those that
    have grown old since then are more than a quarter: most of them stay until the end of the process.
    """
    counts, thresholds = gc.get_count(), gc.get_threshold()
    young, middle, _ = (count > threshold for count, threshold in zip(counts, thresholds, strict=True))
    if not young:
        return
    gc.collect(1 if middle else 0)
    if middle and gc.get_count()[_ALL] > gc.get_threshold()[_ALL]:
        old = len(gc.get_objects(generation=_ALL))
        if old > _left_by_last[0] * 5 // 4:
            gc.collect()
            _left_by_last[0] = len(gc.get_objects(generation=_ALL))
