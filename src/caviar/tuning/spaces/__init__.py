"""Spaces: which settings are searched, on which scales, and how a file or another tool says so."""
