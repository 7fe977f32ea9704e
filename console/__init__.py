"""The support console: it looks up companies and their records, buys credit checks, settles unknown outcomes and
sends refunds that a second person has approved."""

__version__ = "0.1.0"
