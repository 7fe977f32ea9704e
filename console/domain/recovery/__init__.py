"""The choices of a person for a record that needs a decision, such as a record with an unknown outcome; the facts
that each choice needs, and its effects.
"""
