"""The critic: what mattered in a search, and what is wrong with its space."""
