"""The order of importance of settings: the prior for what is searched first.

The course (section 6) ranks the learning rate first; then momentum, hidden units and the mini-batch; then layers and
decay; beta1, beta2 and epsilon hardly ever. Where it is silent: strengths of regularisation stand beside layers and
decay, because the best strength moves with the network's size, and what else changes the network follows behind them.
"""

COURSE: tuple[tuple[str, ...], ...] = (
    ("learning_rate",),
    ("momentum", "units", "batch_size"),
    ("layers", "schedule", "decay_rate"),
    ("beta1", "beta2", "epsilon"),
)
"""The course's order of importance, the first place first; the last is hardly ever searched."""

IMPORTANCE: tuple[str, ...] = (
    "learning_rate",
    *("momentum", "units", "batch_size"),
    "average_weights",
    *("layers", "schedule", "decay_rate", "l2", "dropout", "epochs"),
    *("batch_norm", "activation", "label_smoothing"),
    *("beta1", "beta2", "epsilon"),
)
"""The order in which settings are searched as the budget grows: the course's, and in between what it does not rank."""

TRIALS_PER_SETTING = 5
"""Trials for which one more setting is searched."""


def course_place(name: str) -> int | None:
    """The place of a setting in the course's order, from 1; None where it ranks it nowhere."""
    return next((place for place, names in enumerate(COURSE, 1) if name in names), None)


def settings_for(trials: int) -> int:
    """How many settings a search of so many trials should have: one for every `TRIALS_PER_SETTING`, at least one."""
    return max(1, trials // TRIALS_PER_SETTING)
