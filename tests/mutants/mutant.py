"""The classes of a mutant, and what several mutants share: source files, tests and changes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceChange:
    """Replaces the text `old`, which the file must have exactly once, by `new`."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug in the source code. `tests` are pytest's arguments; at least one of these tests must fail. `engine` is
    pytest's argument `-k` that restricts the tests: an engine, a part of a test's name, or both with "and" ("": no
    restriction).
    """

    name: str
    changes: tuple[SourceChange, ...]
    tests: tuple[str, ...]
    engine: str = ""


PIPELINE_FILE = "console/services/guarded/pipeline.py"
ENGINE_FILE = "console/store/database/engine.py"
PURCHASE_FILE = "console/services/credit_checks/purchase.py"
OUTCOMES_FILE = "console/services/credit_checks/outcomes.py"
JOURNAL_FILE = "console/store/operations/journal.py"
PROBE_FILE = "console/services/credit_checks/probe.py"
PIPELINE_TESTS = "tests/services/credit_checks/test_purchase_breaks.py"
CALL_TESTS = "tests/services/credit_checks/test_provider_calls.py"
RACE_TESTS = "tests/races/test_races.py"
DATABASE_PROOF_TESTS = "tests/races/test_database_proof.py"
FAULT_TESTS = "tests/races/test_faults.py"
BREAK_TESTS = "tests/crash/test_breaks.py"

CALL_BEFORE_COMMIT = (
    SourceChange(
        PIPELINE_FILE,
        "            subject = operation.claim(tx, operation_id)\n",
        "            subject = operation.claim(tx, operation_id)\n"
        "            self._early = operation.call(subject) if operation.has_effect else None\n",
    ),
    SourceChange(
        PIPELINE_FILE,
        "            outcome = operation.call(claimed_operation.subject)\n",
        "            outcome = self._early or operation.call(claimed_operation.subject)\n",
    ),
)
JOURNAL_WITHOUT_FENCE = (
    SourceChange(
        JOURNAL_FILE,
        '    operations.c.fence == bindparam("fence_as_begun"),\n'
        "    operations.c.state == OperationState.CALLING.value,\n",
        '    bindparam("fence_as_begun") == bindparam("fence_as_begun"),\n',
    ),
)
CHANGES_WITHOUT_UNIQUE_CLAIM = (
    SourceChange(
        "console/store/schema/core.py",
        '"client_id", "claim_number", unique=True',
        '"client_id", "claim_number", unique=False',
    ),
)
