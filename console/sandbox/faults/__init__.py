"""All faults of the simulated providers. Importing this package fills the table `FAULT_BY_NAME`."""

from console.sandbox.faults import notices, payments, pdfs, tokens, transport
from console.sandbox.faults import responses as answers
from console.sandbox.rules.fault_table import FAULT_BY_NAME, FaultKind

__all__ = ["FAULT_BY_NAME", "FaultKind", "answers", "notices", "payments", "pdfs", "tokens", "transport"]
