"""The service layer: the actions that the window, the terminal and the worker share, with their rules."""
