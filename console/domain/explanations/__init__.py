"""Explanations of records as wording codes with facts."""
