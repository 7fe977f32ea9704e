"""The simulated PayPay, a payment provider."""
