"""Commands for refunds and their limits."""
