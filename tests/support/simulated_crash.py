"""Simulates the crash of a process during an action. After the crash the process writes nothing, as after kill -9."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from console.services.process.context import ServiceContext


class SimulatedCrash(BaseException):
    """Raised at the simulated crash of the process."""


@contextmanager
def simulate_crash(context: ServiceContext) -> Iterator[Callable[[], NoReturn]]:
    """Yield a function that simulates the crash: it raises SimulatedCrash, and from then on each call of
    `Database.write` and `Spool.store_answer` raises it, too. After the block the service context works again, like
    the service context of another process at the same desk."""

    def raise_crash(*_: object, **__: object) -> NoReturn:
        raise SimulatedCrash

    def stop_all_writes() -> NoReturn:
        context.database.write = raise_crash  # type: ignore[method-assign]  # a dead process writes nothing
        context.spool.store_answer = raise_crash  # type: ignore[method-assign]
        raise SimulatedCrash

    try:
        yield stop_all_writes
    finally:
        context.database.__dict__.pop("write", None)
        context.spool.__dict__.pop("store_answer", None)
