"""The base class of all pages, and the widgets and dialogs that several pages share."""
