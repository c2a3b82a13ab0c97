"""The train-dev bridge: rows of the kind that is trained on, but held out.

Where training rows come from elsewhere than those that are judged, a network can err more on dev because it learned
too little that carries over (variance) or because dev rows are of another kind (mismatch). On the bridge only the
first shows. Source: Ng 2018, Machine Learning Yearning, chapters 40 and 41.
"""

from numbers import Integral, Real

import numpy as np

from caviar.arrays import Whole
from caviar.data.choice import Wishes
from caviar.data.groups import place
from caviar.data.sizes import FEWEST_TRAIN, Sizes
from caviar.data.strata import allot, choose_rows, shuffled
from caviar.errors import BadData

MOST = 0.1
"""Share of the train rows that a bridge takes by the rule, at most."""


def bridge_size(asked: float | bool | None, train: int, held_out: int) -> int:
    """Rows of the bridge.

    Args:
        asked: True: by the rule, as large as dev and at most 10 % of train; a share of the train rows in (0, 1), or a
            number of rows; False, 0 or None for none.
        train: rows that there are to train on, those of the bridge included.
        held_out: rows of dev, or of test where there is no dev set.

    Raises:
        BadData: a size that is none, or too few rows are left to train.
    """
    if asked is None or asked is False or asked == 0:
        return 0
    if asked is True:
        size = min(held_out, int(MOST * train))
    elif isinstance(asked, Integral) and 0 < int(asked) < train:
        size = int(asked)
    elif isinstance(asked, Real) and not isinstance(asked, Integral) and 0 < float(asked) < 1:
        size = max(1, round(float(asked) * train))
    else:
        raise BadData(
            f"bridge must be True for the rule, a share in (0, 1), a number of rows below {train:,}, or False, got "
            f"{asked!r}."
        )
    if size < 1 or train - size < FEWEST_TRAIN:
        raise BadData(
            f"A bridge must leave {FEWEST_TRAIN} rows to train and have one itself, but there are {train:,} train rows "
            f"and it would take {size:,}. Split without it, or get more rows."
        )
    return size


def hold_bridge(
    train: Whole, asked: float | bool | None, held_out: int, wishes: Wishes, *, seed: int
) -> tuple[Whole, Whole]:
    """Take the bridge out of the train rows: by chance, classes divided alike, groups whole.

    Args:
        train: row numbers in random order.
        asked: as `bridge_size` takes it.
        held_out: as `bridge_size` takes it.
        wishes: of all rows of the table.
        seed: of the choice.

    Returns:
        Row numbers to train on, and those of the bridge.

    Raises:
        BadData: there are too few rows, or too few groups.
    """
    if not (size := bridge_size(asked, len(train), held_out)):
        return train, train[:0]
    own = Sizes(len(train) - size, size, 0)
    classes = None if wishes.codes is None else wishes.codes[train]
    if wishes.together is None:
        rest, held, _ = choose_rows(classes, own, seed, len(train), stream=2)
    else:
        if len(np.unique(wishes.together[train])) < 2:
            raise BadData(
                "A bridge and the train rows need a group each, but all train rows are of one group. Split without a "
                "bridge, or get rows of more groups."
            )
        counts = np.array([len(train)]) if classes is None else np.bincount(classes)
        placed = place(wishes.together[train], classes, allot(counts, own)[:, :2], seed, stream=2)
        order = shuffled(len(train), seed, stream=2)
        rest, held = order[placed[order] == 0], order[placed[order] == 1]
    return train[rest], train[held]
