"""The home page of the window, with the counts of the queues and the acting person's work."""
