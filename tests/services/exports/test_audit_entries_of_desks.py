"""A desk writes files and printouts itself. In team mode it may send the audit entry of each of them to the
worker.
"""

import json
import re
from pathlib import Path

import pytest

from console.domain.audit.actions import AuditAction
from console.services import evidence, exports
from console.store.desk_requests.requested_audit import parse_audit_entry

FILE_WRITING_MODULES = sorted(
    path for package in (evidence, exports) for path in Path(str(package.__file__)).parent.glob("*.py")
)


@pytest.mark.parametrize("module", FILE_WRITING_MODULES, ids=lambda path: path.stem)
def test_the_worker_accepts_audit_actions_of_desks(module: Path) -> None:
    """The worker accepts each audit action of the modules that write files at the desk. Otherwise the audit trail
    would have no entry about such a file.
    """
    for name in set(re.findall(r"AuditAction\.([A-Z_]+)", module.read_text())):
        facts = {"what": AuditAction[name].value, "subject_kind": "export", "subject_id": "1", "result": "done"}
        assert (
            parse_audit_entry("op-a", json.dumps({**facts, "reason": None, "detail": {}})).action == AuditAction[name]
        )
