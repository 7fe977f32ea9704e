"""The frame of the window: header, side bar, status bar and the area of the page; and the main window with the
empty first frame that is painted at the start."""
