"""Annotations of records: whom their notes mention."""
