"""The application window: its start, the bars around the pages, navigation, menus, dialogs of the whole window,
and the calls that it repeats in the background."""
