"""The words for axes and the array types, the same everywhere.

    networks   members of a population, always the leading axis where it appears
    rows       examples of a data set
    batch      examples of one mini-batch, always the LAST axis inside a network: Z = W A + b with
               examples as columns, as the course writes it (measured twice as fast as rows, see
               `training.population`)
    features   inputs of a network        units     outputs of a layer
    classes    outputs of the last layer  layers    hidden layers and the last
    steps      parameter updates          epochs    passes over the training rows

`Numbers` are NumPy arrays on the host; `Array` is what travels through a compiled program.
"""

from typing import Any

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.floating[Any]]]
Whole = np.ndarray[Any, np.dtype[np.integer[Any]]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]
