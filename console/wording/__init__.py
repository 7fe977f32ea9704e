"""The texts of the program in Japanese and English, each under its wording key, and the functions that build texts
from records."""
