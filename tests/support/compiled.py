"""A cache of compiled SQL statements that all database engines of a process share.

Tests open thousands of engines, the program only one or two. SQLAlchemy has one cache for each engine, so a test that
makes one purchase needed half of its processor time to compile the statements again. The key of an entry contains all
settings of the dialect and the facts that the dialect has read from its server. So an engine gets only statements
that it would have compiled to the same SQL.
"""

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.util import LRUCache

from console.store.database import compiled_statements

_SIMPLE_TYPES = (bool, int, float, str, bytes, tuple, frozenset, type(None))
_DIALECT_ATTRIBUTES_WITHOUT_INFLUENCE_ON_SQL = {"default_schema_name"}
"""Attribute of a dialect that is the name of its database. It isn't a part of the key, because the SQL of our tables
doesn't contain it.
"""
_DIALECT_ATTRIBUTES_SET_BY_COMPILER = {"_bind_typing_render_casts"}
"""Attribute that a dialect gets when it compiles its first statement. It isn't a part of the key, because it depends
only on the dialect's class, and each engine would compile its first statement again.
"""
_statement_cache: LRUCache[Any, Any] = LRUCache(20_000)


class _SharedCache:
    """The cache of compiled SQL that several engines share; each engine uses it as its own cache. The first part of
    SQLAlchemy's key is the dialect.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._learnt = vars(dialect)
        self._kind: tuple[Any, ...] = (type(dialect),)
        self._known = 0

    def get(self, key: tuple[Any, ...]) -> Any:
        return _statement_cache.get((self._make_dialect_key(), *key[1:]))

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        _statement_cache[(self._make_dialect_key(), *key[1:])] = compiled

    def _make_dialect_key(self) -> tuple[Any, ...]:
        """Return a key that is equal for all dialects that compile the same SQL. The key is computed again until the
        dialect has read all facts from its server.
        """
        if self._known != len(self._learnt):
            attributes = dict(self._learnt)
            names = (
                attributes.keys() - _DIALECT_ATTRIBUTES_WITHOUT_INFLUENCE_ON_SQL - _DIALECT_ATTRIBUTES_SET_BY_COMPILER
            )
            facts = frozenset(
                (name, attributes[name]) for name in names if isinstance(attributes[name], _SIMPLE_TYPES)
            )
            self._kind, self._known = (self._kind[0], facts), len(attributes)
        return self._kind


def _share_cache_of_engine(engine: Engine) -> None:
    """Event handler that SQLAlchemy calls for each new engine; it gives the engine the shared cache."""
    if engine._compiled_cache is not None:
        engine._compiled_cache = _SharedCache(engine.dialect)  # type: ignore[assignment]


_cache_by_dialect: WeakKeyDictionary[Dialect, _SharedCache] = WeakKeyDictionary()
_compile_for_driver = compiled_statements._compile_statement.__wrapped__
_driver_statements: dict[tuple[Any, ...], Any] = {}


def _find_or_compile_for_driver(statement: Any, dialect: Dialect, names: tuple[str, ...]) -> Any:
    """Return the statement as `execute_compiled` hands it to the driver; it is compiled once for all dialects that
    compile the same SQL. `names` are the names of the parameters of the execution.
    """
    cache = _cache_by_dialect.get(dialect) or _cache_by_dialect.setdefault(dialect, _SharedCache(dialect))
    key = (cache._make_dialect_key(), statement, names)
    if key not in _driver_statements:
        _driver_statements[key] = _compile_for_driver(statement, dialect, names)
    return _driver_statements[key]


def share_compiled_statements() -> None:
    """Let all database engines that this process creates from now on share one cache of compiled statements."""
    compiled_statements._compile_statement = _find_or_compile_for_driver  # type: ignore[assignment]
    DefaultDialect.engine_created = staticmethod(_share_cache_of_engine)  # type: ignore[method-assign]
