"""Trained runs in, findings out: what limits a network, with evidence in numbers and intervals."""
