"""Files and printouts are made at the desk, so a desk that asks a worker may send each of their audit entries."""

import json
import re
from pathlib import Path

import pytest

from console.domain.audit.actions import AuditAction
from console.services import evidence, exports
from console.store.desk_requests.requested_audit import parse_audit_entry

MODULES = sorted(path for package in (evidence, exports) for path in Path(str(package.__file__)).parent.glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_what_a_desk_writes_by_itself_it_may_tell(module: Path) -> None:
    """Otherwise the worker refuses the entry as one that no desk sends, and the trail doesn't know of the file."""
    for name in set(re.findall(r"AuditAction\.([A-Z_]+)", module.read_text())):
        facts = {"what": AuditAction[name].value, "subject_kind": "export", "subject_id": "1", "result": "done"}
        assert (
            parse_audit_entry("op-a", json.dumps({**facts, "reason": None, "detail": {}})).action == AuditAction[name]
        )
