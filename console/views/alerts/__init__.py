"""The page of the window that lists the open alerts."""
