"""The page of the window that shows one credit check."""
