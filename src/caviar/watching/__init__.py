"""Panda: one network watched and steered while it trains, with branches beside it, a journal, and a way back."""
