"""The locked service layer: what window, terminal and worker may do, each rule once."""
