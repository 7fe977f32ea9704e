"""The base class of all pages, and widgets that several pages share."""
