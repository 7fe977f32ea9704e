"""The dialogs of the help: the meaning of the terms on the screens, the list of the keyboard shortcuts, and the
versions of the program and its libraries."""
