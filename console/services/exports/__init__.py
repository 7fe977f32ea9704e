"""Files for spreadsheets from the lists of the program."""
