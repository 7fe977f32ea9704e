"""Causes faults during the day: providers that can't be reached, are slow or answer wrongly, and kills of workers and
of the database."""

import random
import time
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from tests.day.plan import DayParameters
from tests.day.surroundings import DaySurroundings, call_with_retries

_OUTAGE_SECONDS = (1.0, 3.0)
_SLOW_SPELL_SECONDS = 2.0
_ANSWER_DELAY_IN_SLOW_SPELL_SECONDS = 0.12
_ORDERS_PART_BEFORE_LAST_FAULT = 0.85
"""Part of the orders of the day after which no fault begins, and the workers repair the effects of earlier ones."""
_ORDERS_PART_BEFORE_FIRST_FAULT = 0.08
_FAULTY_ANSWERS: tuple[tuple[float, tuple[str, ...], tuple[str, ...]], ...] = (
    (0.03, ("paypay_create", "atom_auth"), ("status:503", "status_after_charge:500", "reset", "close_after_charge")),
    (0.06, ("paypay_payment", "atom_verification"), ("status:500", "hang", "reset", "truncate", "garbage", "html")),
    (0.10, ("paypay_refund_details", "atom_refund_status"), ("status:503", "hang", "truncate", "refuse")),
    (0.30, ("paypay_refund",), ("hang_after_charge", "status_after_charge:500", "close_after_charge", "status:503",
                                "late_charge", "hang", "reset", "result_after:SERVICE_ERROR")),
    (0.25, ("atom_refund",), ("hang_after_charge", "status_after_charge:500", "close_after_charge", "truncate")),
)  # fmt: skip
"""Groups of calls: the rate (0 to 1) at which their answers are faulty, the calls, and the faults. A fault is an HTTP
status 5xx, an unreadable answer, a time-out or a cut connection. The call has its effect, none, or a late one."""


class DayFaults:
    """Causes each kind of fault as often as the parameters of the day state, distributed over the begun orders.
    `fault_counts` counts the caused faults by kind; its key `database_away_ms` has the longest time (ms) without the
    database. `errors` has the errors of this class itself.
    """

    def __init__(self, surroundings: DaySurroundings, count_begun_orders: Callable[[], int]) -> None:
        self._surroundings, self._count_begun_orders, self._over = surroundings, count_begun_orders, Event()
        self._chance = random.Random(surroundings.day.seed + 1)
        self._plan = self._plan_faults(surroundings.day)
        self._thread = Thread(target=self._cause_planned_faults, name="trouble")
        self.fault_counts: Counter[str] = Counter()
        self.errors: list[str] = []

    def _plan_faults(self, day: DayParameters) -> list[tuple[int, str]]:
        """Return (number of begun orders, kind of fault) for each fault, in order."""
        kinds = {
            "outages": day.outage_count,
            "slow_spells": day.slow_period_count,
            "worker_kills": day.worker_kill_count,
            "database_kills": day.database_kill_count,
        }
        span = (_ORDERS_PART_BEFORE_FIRST_FAULT * day.order_count, _ORDERS_PART_BEFORE_LAST_FAULT * day.order_count)
        return sorted((round(self._chance.uniform(*span)), kind) for kind, much in kinds.items() for _ in range(much))

    def __enter__(self) -> "DayFaults":
        rules: list[dict[str, Any]] = []
        for rate, calls, actions in _FAULTY_ANSWERS:
            rules += [
                {
                    "mode": "random",
                    "actions": list(actions),
                    "seed": self._surroundings.day.seed,
                    "rate": rate,
                    "call": call,
                    "seconds": self._surroundings.day.hang_seconds,
                }
                for call in calls
            ]
        self._surroundings.control.add_faults(*rules)
        self._thread.start()
        return self

    def __exit__(self, error_type: type[BaseException] | None, *_: object) -> None:
        """Wait until all faults of `_plan` were caused: all orders have begun, so each of them is due. On a busy
        machine the start of a killed worker takes long, and the faults after it would be left out. If the block has
        failed, cause no further one. Then end all faults, and check that each was caused properly."""
        if error_type is not None:
            self._over.set()
        self._thread.join()
        self.fault_counts["broken_answers"] = sum(int(rule["faulty_calls"]) for rule in self._list_fault_rules())
        call_with_retries(self._surroundings.control.clear_faults)
        assert not self.errors, self.errors

    def _list_fault_rules(self) -> list[dict[str, Any]]:
        return list(call_with_retries(self._surroundings.control.read_state)["rules"])

    def _cause_planned_faults(self) -> None:
        for at, kind in self._plan:
            while self._count_begun_orders() < at and not self._over.wait(0.05):
                pass
            if self._over.is_set():
                return
            try:
                getattr(self, f"_cause_{kind}")()
            except Exception as error:
                self.errors.append(f"{kind}: {error!r}")
                return
            self.fault_counts[kind] += 1

    def _cause_outages(self) -> None:
        """Let no provider be reachable for some seconds."""
        seconds = self._chance.uniform(*_OUTAGE_SECONDS)
        call_with_retries(lambda: self._surroundings.control.begin_outage(seconds))
        self._over.wait(seconds)

    def _cause_slow_spells(self) -> None:
        """Let all providers answer slowly for some seconds."""
        call_with_retries(
            lambda: self._surroundings.control.change_settings(delay_seconds=_ANSWER_DELAY_IN_SLOW_SPELL_SECONDS)
        )
        self._over.wait(_SLOW_SPELL_SECONDS)
        call_with_retries(lambda: self._surroundings.control.change_settings(delay_seconds=0.0))

    def _cause_worker_kills(self) -> None:
        worker = self._chance.choice(self._surroundings.workers)
        worker.kill()
        worker.start()

    def _cause_database_kills(self) -> None:
        began = time.monotonic()
        self._surroundings.server.kill()
        self._surroundings.server.start()
        self.fault_counts["database_away_ms"] = max(
            self.fault_counts["database_away_ms"], round((time.monotonic() - began) * 1000)
        )
