"""Base class of all pages, and parts that several pages share."""
