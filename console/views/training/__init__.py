"""The page of the training. Only the window of a training shows this page."""
