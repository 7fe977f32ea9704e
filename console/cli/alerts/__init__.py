"""Commands for alerts and incidents."""
