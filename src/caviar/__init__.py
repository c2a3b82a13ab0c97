"""caviar: finds out why a neural network is not good enough, and proves what makes it better.

    import caviar

    table = caviar.read("house_prices.csv", target="price")
    split = caviar.split(table)
    runs = caviar.train(split, [caviar.Config(), caviar.Config(dropout=0.3)])

The names below are loaded when first used: `import caviar` starts neither JAX nor anything heavy.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caviar.data.read import read as read
    from caviar.data.split import Split as Split
    from caviar.data.split import split as split
    from caviar.data.table import Table as Table
    from caviar.errors import CaviarError as CaviarError

_HOME = {
    "CaviarError": "caviar.errors",
    "Split": "caviar.data.split",
    "Table": "caviar.data.table",
    "read": "caviar.data.read",
    "split": "caviar.data.split",
}

__all__ = [  # noqa: PLE0604  (strings, all of them)
    *_HOME
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module 'caviar' has no attribute {name!r}") from None
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
