"""What a person has left open: the dialog that lists it, and the question before the person leaves."""
