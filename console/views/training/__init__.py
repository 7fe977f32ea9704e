"""The page of the training, which only the window of a training shows."""
