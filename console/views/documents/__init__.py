"""The page of a PDF document."""
