"""Columns that say something about a row and are not learned from: its group, time, set, source or weight."""

from dataclasses import asdict, dataclass

from caviar.data.images import shape_of
from caviar.data.stored import Frame
from caviar.errors import BadData, nearest


@dataclass(frozen=True)
class Roles:
    """Names of columns by what they are for; None where there is none."""

    group: str | None = None
    time: str | None = None
    by: str | None = None
    source: str | None = None
    weight: str | None = None

    @property
    def named(self) -> dict[str, str]:
        """The columns that there are, by role."""
        return {role: column for role, column in asdict(self).items() if column is not None}

    def check(self, features: Frame, target: str) -> None:
        """Refuse columns that are not there, and roles that contradict each other.

        Raises:
            BadData: so it is.
        """
        for role, column in self.named.items():
            if column == target:
                raise BadData(
                    f"'{column}' is to be predicted and cannot be the column of {_WORDS[role]} as well. Name another."
                )
            if column not in features.columns:
                raise BadData(f"There is no column '{column}' of {_WORDS[role]}. {nearest(column, features.columns)}")
            if shape_of(features.schema[column]):
                raise BadData(f"A column of {_WORDS[role]} cannot hold images, but '{column}' does. Name another.")
        if not self.apart(features)[0].width:
            raise BadData(
                "There must be columns to predict from, but every column is "
                f"{', '.join(f'{_WORDS[role]} ({column})' for role, column in self.named.items())}. Read more columns."
            )
        for one, other, why in _CONTRADICT:
            if one in self.named and other in self.named:
                raise BadData(
                    f"'{one}' and '{other}' cannot both decide which rows are held out: {why}. Leave one out."
                )

    def apart(self, features: Frame) -> tuple[Frame, Frame]:
        """The columns that are learned from, and the others that are there."""
        own = set(self.named.values())
        return features.drop(own, strict=False), features.select([c for c in features.columns if c in own])


_WORDS = {"group": "groups", "time": "times", "by": "sets", "source": "sources", "weight": "weights"}
_CONTRADICT = (
    ("group", "time", "rows of one group may lie before and after the boundary"),
    ("by", "time", "the first names the sets, the second orders them"),
    ("by", "source", "the first names the sets already"),
    ("time", "source", "the latest rows may be of any source"),
)
