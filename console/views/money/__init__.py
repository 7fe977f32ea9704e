"""The pages of the window about payments, orders, refunds and money set aside."""
