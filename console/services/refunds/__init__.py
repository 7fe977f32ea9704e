"""Refunds: request by a maker, approval by checkers, submission to the provider, probes, outcomes, and decisions
about unknown outcomes.
"""
