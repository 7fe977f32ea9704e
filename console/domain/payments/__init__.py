"""Values and rules of payments, orders and refunds."""
