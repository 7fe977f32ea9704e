"""The administration page of the window: read-only switches, limits of refunds, people with their roles, checks of
the installation, tasks of the worker, and reason codes of refunds."""
