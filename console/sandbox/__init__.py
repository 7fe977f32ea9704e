"""Simulated providers over real HTTP on loopback: somebody else's server, with the truth in a ledger."""

from console.sandbox.client import SandboxControl
from console.sandbox.credentials import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN
from console.sandbox.server import Sandbox, run_forever, start

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN", "Sandbox", "SandboxControl", "run_forever", "start"]
