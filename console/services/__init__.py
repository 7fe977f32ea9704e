"""Service layer: the actions that window, terminal and worker share, with their rules."""
