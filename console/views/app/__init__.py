"""The application window: frame, navigation, menus and background refresh."""
