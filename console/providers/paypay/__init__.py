"""The PayPay adapter: payments, refunds, webhooks, daily files."""
