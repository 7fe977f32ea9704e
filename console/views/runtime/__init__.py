"""Objects that all pages of a window share: the window context, routes, preferences, request ids, and the background
threads in which service calls run."""
