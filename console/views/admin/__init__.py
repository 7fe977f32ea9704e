"""The page of the administration: read-only switches, limits of refunds, people."""
