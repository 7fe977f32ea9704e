"""The clock, settings and credentials of one sandbox."""
