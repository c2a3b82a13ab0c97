"""A space from Optuna's distributions by name; with their steps, and ranges of one value as fixed values."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from caviar.errors import BadSpace
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, Uniform
from caviar.tuning.spaces.space import Space


def space_of_distributions(distributions: Mapping[str, BaseDistribution]) -> Space:
    """The space of Optuna's distributions by name; those that its older versions kept apart are subclasses of these.

    Raises:
        BadSpace: options that no study of caviar keeps, or nothing to search.
    """
    return Space({name: dimension_of(name, one) for name, one in distributions.items()})


def dimension_of(name: str, distribution: BaseDistribution) -> Any:
    """The dimension of one distribution, or its only value.

    Args:
        name: whose it is; for the message.
        distribution: of Optuna.

    Raises:
        BadSpace: a distribution of another kind.
    """
    match distribution:
        case CategoricalDistribution() if distribution.single():
            return distribution.choices[0]
        case CategoricalDistribution():
            return Choice(*distribution.choices)
        case FloatDistribution() | IntDistribution() if distribution.low == distribution.high:
            return distribution.low
        case FloatDistribution() if distribution.log:
            return LogUniform(distribution.low, distribution.high)
        case FloatDistribution():
            return Uniform(distribution.low, distribution.high, step=distribution.step)
        case IntDistribution():
            return Integer(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
        case _:
            raise BadSpace(
                f"Distributions of Optuna must be Float, Int or Categorical, got {distribution!r} for {name!r}. Give a "
                "dimension of caviar."
            )
