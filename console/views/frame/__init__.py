"""The window's frame: header, side bar, status bar, the place of the page, and the window of the start."""
