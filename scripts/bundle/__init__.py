"""The steps before and after PyInstaller: the choice of the files that stay in the application, and the packages made
from it.
"""
