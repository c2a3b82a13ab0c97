"""Findings in, remedies out: what the course prescribes, tried as controlled experiments, kept only if it helps."""
