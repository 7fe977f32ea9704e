"""The classes of a mutant, the files in which several are made, and changes that are tried on every engine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """Replaces the text `old`, which the file must have exactly once, by `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. `tests` are pytest's arguments, of which one must fail. `engine` is pytest's argument `-k` that
    restricts them, such as "mariadb" ("": all)."""

    name: str
    changes: tuple[Change, ...]
    tests: tuple[str, ...]
    engine: str = ""


GUARDED = "console/services/guarded/pipeline.py"
ENGINE = "console/store/database/engine.py"
CHECKS = "console/services/credit_checks/purchase.py"
SETTLING = "console/services/credit_checks/outcomes.py"
JOURNAL = "console/store/operations/journal.py"
PROBING = "console/services/credit_checks/probe.py"
GUARD_TESTS = "tests/services/credit_checks/test_purchase_breaks.py"
CALL_TESTS = "tests/services/credit_checks/test_provider_calls.py"
RACES = "tests/races/test_races.py"
PROOF = "tests/races/test_database_proof.py"
FAULTS = "tests/races/test_faults.py"
BREAKS = "tests/crash/test_breaks.py"

BEFORE_COMMIT = (
    Change(
        GUARDED,
        "            subject = operation.claim(tx, operation_id)\n",
        "            subject = operation.claim(tx, operation_id)\n"
        "            self._early = operation.call(subject) if operation.has_effect else None\n",
    ),
    Change(
        GUARDED,
        "            outcome = operation.call(claimed_operation.subject)\n",
        "            outcome = self._early or operation.call(claimed_operation.subject)\n",
    ),
)
UNFENCED = (
    Change(
        JOURNAL,
        '    operations.c.fence == bindparam("fence_as_begun"),\n'
        "    operations.c.state == OperationState.CALLING.value,\n",
        '    bindparam("fence_as_begun") == bindparam("fence_as_begun"),\n',
    ),
)
NOT_UNIQUE = (
    Change(
        "console/store/schema/core.py",
        '"client_id", "claim_number", unique=True',
        '"client_id", "claim_number", unique=False',
    ),
)
