"""Files, frames and arrays become a `Table`; a table becomes a `Split`, ready to train on.

    read  ->  Table  ->  split  ->  Split (train, dev, and a test set that stays sealed)

Nothing in this folder imports JAX, and scikit-learn only when one of its samples is asked for.
"""
