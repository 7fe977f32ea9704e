"""Commands for accounts, signing in, and the read-only switches."""
