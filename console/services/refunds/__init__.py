"""Refunds: request (maker), approval (checker), submission, probes, outcomes, decisions."""
