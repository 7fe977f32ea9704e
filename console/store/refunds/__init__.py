"""Reads and writes of refunds, and of the approvals and proposals about them."""
