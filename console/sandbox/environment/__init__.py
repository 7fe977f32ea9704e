"""The clock, the settings and the credentials of one sandbox."""
