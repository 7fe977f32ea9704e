"""The parts around a page: header, side bar, status bar; and the main window, which paints an empty window at the
start."""
