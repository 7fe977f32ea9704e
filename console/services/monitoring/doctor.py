"""What works here and what doesn't, with the next step; and the schema, for those who look after it."""

import os
import shutil
from collections.abc import Callable
from functools import cached_property

from console.domain.clock import Clock, TimeScale
from console.domain.errors import ConsoleError
from console.domain.results import HealthCheck
from console.domain.task_intervals import INTERVALS, overdue
from console.services.failpoints import (
    ADOPTING,
    BULK,
    EXPORTING,
    MONEY,
    NAMES,
    PUBLISHING,
    RECONCILING,
    SAGAS,
    TASKS,
)
from console.setting_urls import masked
from console.settings import Settings
from console.store import boot_clock, fitness, migrate, tasks
from console.store.documents import open_documents
from console.store.engine import Database

ROOM_BYTES = 200 * 1024 * 1024
GATEWAYS = ("paypay", "atom")
_FAILPOINTS = (*NAMES, *MONEY, *SAGAS, *TASKS, *PUBLISHING, *BULK, *RECONCILING, *ADOPTING, *EXPORTING)


class Health:
    """Looks at one thing at a time; a check that fails is a line, never an error. Opens what it needs itself."""

    def __init__(self, settings: Settings, open_database: Callable[[], Database], clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._open_database = open_database

    @cached_property
    def _database(self) -> Database:
        """Opened by the first check that needs it: where nobody has signed in, the others still look."""
        return self._open_database()

    def doctor(self) -> tuple[HealthCheck, ...]:
        """Every check of this desk."""
        checks = (
            ("home", self._home),
            ("room", self._room),
            *((("sign_in", self._sign_in),) if self._settings.sign_in.is_server else ()),
            ("database", self._schema),
            ("documents", self._documents),
            ("store_key", self._store_key),
            ("operator", self._operator),
            ("alarmbox", self._alarmbox),
            ("lease_clock", self._lease_clock),
            ("tasks", self._tasks),
            *((("cache", self._cache),) if self._settings.redis_url else ()),
            *((("publishing", self._publishing),) if self._settings.alerts.way else ()),
            ("switches", self._switches),
        )
        return (*(self._look(name, check) for name, check in checks), *map(self._gateway, GATEWAYS))

    def check_database(self) -> tuple[HealthCheck, ...]:
        """What the database has and what it lacks."""
        schema = self._look("database", self._schema)
        if not schema.ok:
            return (schema,)
        return (schema, *map(_told, fitness.findings(self._database)))

    def upgrade(self) -> dict[str, object]:
        """Create the schema or bring it up to this program; safe at any time and from two desks at once."""
        before, after = migrate.upgrade(self._database)
        return {"from": before, "to": after}

    def _look(self, name: str, check: Callable[[], dict[str, object]]) -> HealthCheck:
        try:
            facts = check()
        except ConsoleError as trouble:
            facts = {"code": trouble.code, **trouble.detail}
            return HealthCheck(name, False, f"doctor.{name}.bad", f"doctor.{name}.next", facts)
        good = bool(facts.pop("ok", True))
        word = "ok" if good else "bad"
        return HealthCheck(name, good, f"doctor.{name}.{word}", "" if good else f"doctor.{name}.next", facts)

    def _home(self) -> dict[str, object]:
        home = self._settings.home
        writable = os.access(home if home.exists() else home.parent, os.W_OK)
        return {"ok": writable, "folder": str(home)}

    def _room(self) -> dict[str, object]:
        home = self._settings.home
        free = shutil.disk_usage(home if home.exists() else home.parent).free if home.parent.exists() else 0
        return {"ok": free >= ROOM_BYTES, "free_mb": free // 1024**2}

    def _schema(self) -> dict[str, object]:
        state = migrate.ensure(self._database)
        return {"schema": state["schema"], "url": self._settings.database_shown}

    def _documents(self) -> dict[str, object]:
        documents = open_documents(self._settings.documents_url, self._database)
        documents.look()
        return {"place": documents.place}

    def _store_key(self) -> dict[str, object]:
        self._settings.store_key()
        return {}

    def _operator(self) -> dict[str, object]:
        """On a server the account acts, whatever else is named."""
        named = self._settings.sign_in.known_user() if self._settings.sign_in.is_server else self._settings.operator
        return {"ok": named is not None, "operator": named or "-"}

    def _sign_in(self) -> dict[str, object]:
        sign_in = self._settings.sign_in
        sign_in.url()
        return {"operator": sign_in.user, "place": sign_in.place, "source": sign_in.source}

    def _alarmbox(self) -> dict[str, object]:
        url = self._settings.url("alarmbox") or ""
        return {"ok": self._settings.enabled("alarmbox"), "url": url or "https://api.alarmbox.jp"}

    def _gateway(self, name: str) -> HealthCheck:
        """A payment gateway that is set up here has all its secrets; one that isn't is no fault."""
        facts: dict[str, object] = {"provider": name, "url": self._settings.url(name)}
        try:
            if not self._settings.enabled(name):
                return HealthCheck(name, True, "doctor.gateway.off", "", facts)
            missing = self._settings.missing(name)
        except ConsoleError as trouble:
            missing = (str(trouble.detail.get("variable", "")),)
        if missing:
            lacking = {**facts, "missing": missing}
            return HealthCheck(name, False, "doctor.gateway.bad", "doctor.gateway.next", lacking)
        return HealthCheck(name, True, "doctor.gateway.ok", "", facts)

    def _tasks(self) -> dict[str, object]:
        """Due tasks run as often as they should. Where none ever ran, nobody has needed them yet."""
        migrate.ensure(self._database)
        try:
            with self._database.read() as conn:
                kept = [task for task in tasks.all_of(conn) if task.name in INTERVALS]
        except ConsoleError as refusal:
            if refusal.code != "not_allowed":
                raise
            kept = []  # not every role may look
        scale, now = TimeScale(self._settings.time_scale), self._clock.now()
        late = [task.name for task in kept if overdue(task, now, scale)]
        return {"ok": not late, "late": ", ".join(late) or "-", "n": len(kept)}

    def _lease_clock(self) -> dict[str, object]:
        return {"uptime_s": boot_clock.uptime_ms() // 1000}

    def _cache(self) -> dict[str, object]:
        """Advisory: whatever is wrong with it, nothing is refused and nothing is done twice."""
        from console.store.redis_link import answers

        url = self._settings.redis_url or ""
        return {"ok": answers(url), "url": masked(url)}

    def _publishing(self) -> dict[str, object]:
        """Alerts reach whoever is to be told: what that needs is here, and nothing has waited for long."""
        from console.services import publishing

        self._settings.alerts.check(self._settings.secret)
        with self._database.read() as conn:
            counts, late = publishing.state(conn)
        return {"ok": not late, "way": self._settings.alerts.way, "waiting": counts.waiting, "since": counts.oldest}

    def _switches(self) -> dict[str, object]:
        """Switches that only tests use; they name the points at which a process may be stopped."""
        on = self._settings.switches
        return {"ok": not on, "on": ", ".join(on) or "-", "failpoints": ", ".join(_FAILPOINTS)}


def _told(finding: fitness.Finding) -> HealthCheck:
    """A finding that is not grave is advice: well, with a next step."""
    word = "ok" if finding.ok else "bad" if finding.grave else "advice"
    name = f"doctor.{finding.name}"
    return HealthCheck(
        finding.name, finding.ok or not finding.grave, f"{name}.{word}", "" if finding.ok else f"{name}.next",
        finding.facts,
    )  # fmt: skip
