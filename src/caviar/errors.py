"""What caviar raises when a person can mend it.

    CaviarError
    ├── BadData      a file, a table, a split or a target           (also a ValueError)
    ├── BadConfig    a setting of a network or of how it learns     (also a ValueError)
    ├── BadSpace     a search space or a budget                     (also a ValueError)
    ├── BadRun       a run folder or a model file                   (also a ValueError)
    ├── BadLoss      a loss, its parameters or its gradients        (also a ValueError)
    ├── BadObjective a function of one's own that is tuned          (also a ValueError)
    └── BadCommand   what is asked of a network while it trains     (also a ValueError)

Every message says what must hold, what came, and what to do. The command line prints it as one line
and exits with 1.
"""

import difflib
from collections.abc import Iterable


class CaviarError(Exception):
    """Anything that went wrong and that the person in front of the screen can mend."""


class BadData(CaviarError, ValueError):
    """A file, table, target or split that cannot be used as it is."""


class BadConfig(CaviarError, ValueError):
    """A setting of a network, or of how it learns, that cannot work."""


class BadSpace(CaviarError, ValueError):
    """A search space or a budget that cannot be searched."""


class BadRun(CaviarError, ValueError):
    """A run folder or a model file that is missing, in use, or of another run."""


class BadLoss(CaviarError, ValueError):
    """A loss, parameters or gradients that cannot be checked against each other."""


class BadObjective(CaviarError, ValueError):
    """A function of one's own that cannot be tuned."""


class BadCommand(CaviarError, ValueError):
    """A command to a network that trains which cannot be carried out."""


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a message about an unknown word: the nearest known one, or the list.

    Args:
        word: what came.
        words: what would have been understood.

    Returns:
        `Did you mean 'x'?` when a word is close, else `Known: 'a', 'b', ….`, at most twelve of them.
    """
    known = [str(w) for w in words]
    folded = {w.casefold(): w for w in reversed(known)}
    close = difflib.get_close_matches(str(word).casefold(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"Did you mean {folded[close[0]]!r}?"
    shown = ", ".join(repr(w) for w in known[:12])
    return f"Known: {shown}{', …' if len(known) > 12 else '.'}"
