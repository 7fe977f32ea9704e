"""Stops the garbage collection while modules are loaded."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pause_garbage_collection() -> Iterator[None]:
    """Stop Python's automatic garbage collection until the end of the block. Imports create objects that are never
    garbage, and searching them would take 3 to 5 % of the CPU time of a start. After its imports the window starts
    garbage collections itself (`console.views.app.garbage_collection`); a command uses Python's automatic ones again.

    At the end of the block the existing objects go to the oldest generation, which Python seldom searches. Otherwise
    the first automatic collection after the block would search all of them, for 30 to 60 ms.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            if not gc.get_freeze_count():  # an earlier gc.freeze of this process must keep its effect
                gc.freeze()
                gc.unfreeze()
            gc.enable()
