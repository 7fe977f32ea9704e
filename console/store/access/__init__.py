"""Tables and statements of accounts, operators and grants."""
