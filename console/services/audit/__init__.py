"""The audit trail: refusals, reads, hourly roots, listing and verification."""
