"""Doubts about data, with evidence: each file is one kind of check, `Check` is what they return."""
