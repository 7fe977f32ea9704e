"""The sentences of both languages by their wording key, and the functions that replace the placeholders of the
sentences: formats of facts, words for findings, terms, spaces and line breaks of Japanese.
"""
