"""Credit checks: purchase, outcomes, probes, decisions, readings of detail and PDF."""
