"""Compute the figures of the reports: success per provider, ages of the records in queues, refunds, money per day,
unknown outcomes, daily closes."""
