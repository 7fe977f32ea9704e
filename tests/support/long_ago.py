"""Purchases of credit checks that were made long ago: the sandbox sold them on a day of 2024, and here their sending
is dated back, because nobody turns the clock of a server or of a process.

    sandbox.control.change_settings(today=DAY)
    ...buy...
    sandbox.control.change_settings(today=None)
    place.sql(SENT_THEN)
"""

DAY = "2024-04-01"
SENT_THEN = f"UPDATE operations SET started_at = '{DAY} 03:00:00' WHERE action = 'credit-check.purchase'"
"""Statement of the schema account: all purchases were sent on DAY. Without it, AlarmBox would say of a check that was
bought today that it had expired in 2025, so it could not be the one that was bought."""
