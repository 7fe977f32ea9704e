"""Write lists, daily closes and PDFs to files, and prepare printouts."""
