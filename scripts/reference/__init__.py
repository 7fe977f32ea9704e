"""Write the files of docs/reference that follow from the code: `python -m scripts.reference`."""
