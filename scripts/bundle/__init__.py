"""What surrounds PyInstaller: the files that stay in the application, and the packages made from it."""
