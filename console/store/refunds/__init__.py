"""Reads and writes of refunds, of their approvals, and of proposals about records of every kind."""
