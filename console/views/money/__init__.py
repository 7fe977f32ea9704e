"""Pages of payments, orders and refunds."""
