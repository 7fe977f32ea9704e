"""Views and results that hold records of any kind."""
