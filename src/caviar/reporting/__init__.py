"""Results in, words, tables and pictures out: what a person reads."""
