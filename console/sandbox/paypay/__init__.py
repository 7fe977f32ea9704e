"""The simulated PayPay."""
