"""Adapters to external providers: the shared HTTP transport, the protocols that the services use, and one package for
each provider.
"""
