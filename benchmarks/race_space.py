"""What both sides of `race.py` search: the same settings, ranges and scales."""

EPOCHS = 27
"""Most epochs of a network: four rungs of Hyperband with a reduction factor of 3."""

RATE, L2_PER_ROW, DROPOUT, UNITS, LAYERS = (1e-4, 3e-2), (1e-7, 1e-3), (0.0, 0.5), (16, 128), (1, 3)
BETA1, BATCHES, ACTIVATIONS = (0.8, 0.99), (32, 64, 128), ("relu", "silu", "tanh")
"""Learning rate on a log scale; decay as PyTorch counts it, which is l2 / m; beta1 on a log scale of 1 - beta1."""
