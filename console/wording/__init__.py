"""Texts of the program in Japanese and English, by wording key."""
