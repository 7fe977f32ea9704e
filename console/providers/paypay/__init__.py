"""The adapter of PayPay: payments, refunds, webhooks and daily files."""
