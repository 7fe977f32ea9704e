"""The parts around a page (top bar, sidebar, status bar), and the main window, which paints an empty window at the
start."""
