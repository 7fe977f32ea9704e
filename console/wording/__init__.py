"""The texts of the program in Japanese and English, found by wording key, and the functions that build texts from
records."""
