"""Functions of one's own: called at every point, in this process or in several."""
