"""Annotations of records: the people whom notes mention."""
