"""The figures of the reports: success per provider, ages in queues, refunds, money per day, unknown outcomes,
daily closes."""
