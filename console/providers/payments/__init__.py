"""Protocols, plugins, notices and code tables of the payment providers."""
