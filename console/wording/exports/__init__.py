"""The columns of exported lists, with the words of the screens."""
