"""The page with the reports: one section per picture, each with its table."""
