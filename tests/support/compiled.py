"""Compiled statements, shared by all engines of a process: tests open thousands of them, the program one or two.

SQLAlchemy keeps what it compiled by engine, and compiling anew was half of the processor time of a test that buys
once. All settings of a dialect, and the facts that it has read from its server, are part of the key here: a statement
is only taken over from an engine that would have compiled it to the same words.
"""

from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.util import LRUCache

_SIMPLE = (bool, int, float, str, bytes, tuple, frozenset, type(None))
_OF_A_DATABASE = {"default_schema_name"}
"""Differs by database, and no table of ours is named with it."""
_LEARNT_BY_COMPILING = {"_bind_typing_render_casts"}
"""Follows from the dialect's class, and is noted when the first statement is compiled: with it as a part of the key,
each engine compiled its first statement anew.
"""
_compiled: LRUCache[Any, Any] = LRUCache(20_000)


class _Shared:
    """The cache of compiled SQL that several engines share; each engine uses it as its own cache. The first part of
    SQLAlchemy's key is the dialect.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._learnt = vars(dialect)
        self._kind: tuple[Any, ...] = (type(dialect),)
        self._known = 0

    def get(self, key: tuple[Any, ...]) -> Any:
        return _compiled.get((self._like(), *key[1:]))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        _compiled[(self._like(), *key[1:])] = compiled

    def _like(self) -> tuple[Any, ...]:
        """Return the key that is equal for all dialects that compile the same SQL. It is read again until the dialect
        has read all facts from its server.
        """
        if self._known != len(self._learnt):
            told = dict(self._learnt)
            names = told.keys() - _OF_A_DATABASE - _LEARNT_BY_COMPILING
            facts = frozenset((name, told[name]) for name in names if isinstance(told[name], _SIMPLE))
            self._kind, self._known = (self._kind[0], facts), len(told)
        return self._kind


def _shares(engine: Engine) -> None:
    """Event handler: SQLAlchemy calls it for each engine that was made."""
    if engine._compiled_cache is not None:
        engine._compiled_cache = _Shared(engine.dialect)  # type: ignore[assignment]


def share() -> None:
    """From now on the engines that this process makes share what they compile."""
    DefaultDialect.engine_created = staticmethod(_shares)  # type: ignore[method-assign]
