"""The choices that people have about a record that needs a decision, such as one with an unknown outcome; the facts
that each choice needs, and its effects.
"""
