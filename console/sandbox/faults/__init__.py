"""All faults of the simulated providers. Importing this package fills the table `FAULTS`."""

from console.sandbox.faults import notices, payments, pdfs, tokens, transport
from console.sandbox.faults import responses as answers
from console.sandbox.rules.registry import FAULTS, FaultKind

__all__ = ["FAULTS", "FaultKind", "answers", "notices", "payments", "pdfs", "tokens", "transport"]
