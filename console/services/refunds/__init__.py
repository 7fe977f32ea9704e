"""Refunds: the request by a maker, the approval by checkers, the submission to the provider, probes, and decisions
of people about unknown outcomes."""
