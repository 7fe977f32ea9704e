"""Adapters to external providers: shared HTTP transport, protocols that the services use, and one package per
provider.
"""
