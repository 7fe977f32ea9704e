"""Tables of other applications and their adoption."""
