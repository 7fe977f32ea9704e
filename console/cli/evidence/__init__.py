"""The commands `show` and `evidence`."""
