"""Pages of stored documents, as the program shows and prints them."""
