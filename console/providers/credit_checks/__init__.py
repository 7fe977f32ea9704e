"""Protocols through which the services call the providers of credit checks."""
