"""Proposals: which points of a space are tried next."""
