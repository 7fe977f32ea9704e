"""The window of the program: pages, dialogs and widgets. It is the only package that imports Qt."""
