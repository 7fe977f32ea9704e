"""Everything that can go wrong on purpose; importing this fills the table."""

from console.sandbox.fault_table import FAULTS, FaultKind
from console.sandbox.faults import answers, notices, payments, pdfs, tokens, transport

__all__ = ["FAULTS", "FaultKind", "answers", "notices", "payments", "pdfs", "tokens", "transport"]
