"""The dialogs that buy a credit check and that fetch its missing parts."""
