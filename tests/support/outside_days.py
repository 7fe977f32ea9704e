"""Days on which tests state that a payer got money back outside. The payments of these tests are paid today, and a
statement may have the day before the payment's.
"""

from datetime import datetime, timedelta

from console.domain.calendar_days import JST

_NOW = datetime.now(JST)
TODAY = _NOW.date().isoformat()
YESTERDAY = (_NOW - timedelta(days=1)).date().isoformat()
