"""The support console: looks records up, buys and repairs credit checks, and never guesses."""

__version__ = "0.1.0"
