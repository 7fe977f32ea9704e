"""The page of a credit check."""
