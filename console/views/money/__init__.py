"""Pages of payments, orders, refunds and money set aside."""
