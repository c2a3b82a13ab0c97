"""Spaces, proposals and studies: which settings, searched coarse to fine on the right scales."""
