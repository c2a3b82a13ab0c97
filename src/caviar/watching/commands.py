"""Commands: what a person may do to networks while they train.

A command is a value, checked when it is made, and one line of JSON. Whether it fits the network it is for - a branch
that exists, an epoch that was kept - is for the session to say.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, get_args

from caviar.errors import BadCommand, nearest
from caviar.network.config import Config

Verb = Literal["pause", "resume", "nudge", "rewind", "branch", "stop", "delete", "keep", "note"]
VERBS: tuple[Verb, ...] = get_args(Verb)

_OF_ONE: tuple[Verb, ...] = ("nudge", "rewind", "branch", "delete", "keep")
"""Those that are about one network; the others are about all where none is named."""

_TEXT = 2_000
"""Most characters of a note."""

NOT_NUDGED = {
    **dict.fromkeys(("initializer", "initial_scale", "prior_bias"), "it says how a network starts"),
    **dict.fromkeys(("seed", "rows", "sampling"), "it says what a network is trained on"),
    **dict.fromkeys(("network", "filters", "kernel_size", "stride"), "it would be another network"),
    **dict.fromkeys(("pooling", "global_pooling", "residual"), "it would be another network"),
    **dict.fromkeys(("batch_norm", "layer_norm"), "it would be another network"),
    "record": "it says what is written down",
}
"""Settings that cannot change while a network trains, and why."""


@dataclasses.dataclass(frozen=True)
class Command:
    """One thing to do.

    Attributes:
        verb: pause | resume | nudge | rewind | branch | stop | delete | keep | note.
        branch: the network it is about; None: all of them.
        settings: of nudge and branch: fields of `Config` and their values from the next step on.
        epoch: of rewind: the kept epoch to go back to, 0 for the start.
        text: of note: words.
    """

    verb: Verb
    branch: int | None = None
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    epoch: int | None = None
    text: str = ""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            BadCommand: an unknown verb or setting, or something that lacks, or that does not belong to the verb.
        """
        if self.verb not in VERBS:
            raise BadCommand(f"A command must be one of {', '.join(VERBS)}, got {self.verb!r}. {_near(self.verb)}")
        if self.branch is not None and not _whole(self.branch):
            raise BadCommand(f"The branch of a command must be a whole number from 0 on, got {self.branch!r}.")
        if self.verb in _OF_ONE and self.branch is None:
            raise BadCommand(f"{self.verb} is about one network: name its branch, 0 for the first one.")
        self._check_settings()
        if (self.epoch is not None) != (self.verb == "rewind") or (self.epoch is not None and not _whole(self.epoch)):
            raise BadCommand(
                f"rewind needs the epoch to go back to, a whole number from 0 on, and {self.verb} got "
                f"epoch={self.epoch!r}." + ("" if self.verb == "rewind" else " Leave it out.")
            )
        if not isinstance(self.text, str) or bool(self.text.strip()) != (self.verb == "note"):
            raise BadCommand(f"note needs words and the other commands none, got {self.verb} with {self.text!r}.")
        if any("\ud800" <= letter <= "\udfff" for letter in self.text):
            raise BadCommand(f"A note must be text that can be written as UTF-8, got {self.text!r:.80}. Type it anew.")
        if len(self.text) > _TEXT:
            raise BadCommand(f"A note must have at most {_TEXT:,} characters, got {len(self.text):,}. Shorten it.")

    def _check_settings(self) -> None:
        if not isinstance(self.settings, Mapping):
            raise BadCommand(f"The settings of a command must be names and values, got {self.settings!r}.")
        if self.settings and self.verb not in ("nudge", "branch"):
            raise BadCommand(f"{self.verb} changes no settings, got {dict(self.settings)}. Use nudge or branch.")
        if self.verb == "nudge" and not self.settings:
            raise BadCommand("nudge needs a setting and its value, such as learning_rate=0.001, got none.")
        names = [field.name for field in dataclasses.fields(Config)]
        for name in self.settings:
            if name not in names:
                raise BadCommand(f"A setting of Config must be one it knows, got {name!r}. {nearest(name, names)}")
            if name in NOT_NUDGED:
                raise BadCommand(
                    f"{name} cannot change while a network trains: {NOT_NUDGED[name]}. Begin another session with it."
                )

    def plain(self) -> dict[str, Any]:
        """Plain values by name, without what is empty."""
        settings = {name: list(v) if isinstance(v, tuple) else v for name, v in self.settings.items()}
        found = {"verb": self.verb, "branch": self.branch, "settings": settings, "epoch": self.epoch, "text": self.text}
        return {name: value for name, value in found.items() if value not in (None, {}, "")}


def command_from(plain: Mapping[str, Any]) -> Command:
    """A command from plain values by name, such as JSON holds.

    Raises:
        BadCommand: a name that no command has, or a command that cannot be.
    """
    names = [field.name for field in dataclasses.fields(Command)]
    if not isinstance(plain, Mapping) or "verb" not in plain:
        raise BadCommand(f"A command must be names and values with a verb, got {plain!r:.200}.")
    for name in plain:
        if name not in names:
            raise BadCommand(f"A command has {', '.join(names)}, got {name!r:.60}. Leave it out.")
    return Command(**plain)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _near(verb: Any) -> str:
    return nearest(str(verb), VERBS)
