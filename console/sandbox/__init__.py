"""Simulated providers for tests and the demo. They answer real HTTP on the loopback interface, and keep ledgers of
the purchases, payments and refunds that they have accepted.
"""

from console.sandbox.control.client import SandboxControl
from console.sandbox.environment.credentials import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from console.sandbox.server import Sandbox, run_sandbox, start_sandbox

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN", "Sandbox", "SandboxControl", "run_sandbox", "start_sandbox"]
