"""A process that goes away in the middle of something: from that moment on it writes nothing, as after kill -9."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from console.services.process.context import ServiceContext


class Gone(BaseException):
    """The process went away."""


@contextmanager
def going_away(context: ServiceContext) -> Iterator[Callable[[], NoReturn]]:
    """Yields what ends the process; after the block another process sits at the same desk."""

    def gone(*_: object, **__: object) -> NoReturn:
        raise Gone

    def vanish() -> NoReturn:
        context.database.write = gone  # type: ignore[method-assign]  # a dead process writes nothing
        context.spool.store_answer = gone  # type: ignore[method-assign]
        raise Gone

    try:
        yield vanish
    finally:
        context.database.__dict__.pop("write", None)
        context.spool.__dict__.pop("answered", None)
