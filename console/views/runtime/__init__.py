"""Objects that all pages of a window share: the window context, routes, preferences, request ids, and the worker
threads in which service calls run."""
