"""Purchases of credit checks that were made long ago. The sandbox sells these checks on a day of 2024. In the
console's database, SQL changes the time of the sending, because a test can't move the clock of a server or process.

    sandbox.control.change_settings(today=OLD_PURCHASE_DAY)
    ...buy...
    sandbox.control.change_settings(today=None)
    place.sql(SET_SENDING_TIME_SQL)
"""

OLD_PURCHASE_DAY = "2024-04-01"
SET_SENDING_TIME_SQL = (
    f"UPDATE operations SET started_at = '{OLD_PURCHASE_DAY} 03:00:00' WHERE action = 'credit-check.purchase'"
)
"""SQL statement for the schema account: it sets the time of the sending of all purchases to OLD_PURCHASE_DAY. Without
it, the purchase would have been sent today, but AlarmBox reports a credit check that expired in 2025, so the program
would not accept it as the result of this purchase.
"""
