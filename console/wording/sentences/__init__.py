"""The sentences of both languages by their wording key, and the functions that fill them in: formats of facts, words
for findings, terms, spaces and line breaks of Japanese.
"""
