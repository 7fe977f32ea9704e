"""The page on which a second person decides about refund requests."""
