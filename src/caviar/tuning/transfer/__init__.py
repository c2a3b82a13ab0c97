"""Transfer: what searches on other data, or on yesterday's, say about these."""
