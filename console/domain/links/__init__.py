"""Links that open a screen or record of the console."""
