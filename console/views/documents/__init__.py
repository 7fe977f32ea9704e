"""The pages of the window that show a stored PDF, or compare two versions of one."""
