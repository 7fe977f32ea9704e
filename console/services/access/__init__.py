"""Access: database accounts, operators, sessions."""
