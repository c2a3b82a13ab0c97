import contextlib
import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.errors import BadCommand
from caviar.network.config import Config
from caviar.watching.commands import NOT_NUDGED, VERBS, command_from

WHOLE = {
    "pause": {},
    "resume": {"branch": 2},
    "nudge": {"branch": 0, "settings": {"learning_rate": 0.1, "hidden_units": [8, 8]}},
    "rewind": {"branch": 0, "epoch": 3},
    "branch": {"branch": 1, "settings": {"dropout": 0.5}},
    "stop": {},
    "delete": {"branch": 4},
    "keep": {"branch": 0},
    "note": {"text": "it goes down again"},
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_is_a_line_of_json_and_back(verb):
    command = command_from({"verb": verb, **WHOLE[verb]})
    assert command_from(json.loads(json.dumps(command.plain()))) == command


@pytest.mark.parametrize(
    ("plain", "words"),
    [
        ({"verb": "nudg"}, "Did you mean 'nudge'?"),
        ({"verb": "nudge", "branch": 0}, "needs a setting"),
        ({"verb": "nudge", "settings": {"l2": 1}}, "name its branch"),
        ({"verb": "nudge", "branch": 0, "settings": {"learningrate": 1}}, "Did you mean 'learning_rate'?"),
        ({"verb": "nudge", "branch": 0, "settings": {"seed": 1}}, "seed cannot change"),
        ({"verb": "pause", "settings": {"l2": 1}}, "changes no settings"),
        ({"verb": "note", "text": "half \ud83d"}, "UTF-8"),
        ({"verb": "rewind", "branch": 0}, "the epoch to go back to"),
        ({"verb": "rewind", "branch": 0, "epoch": -1}, "the epoch to go back to"),
        ({"verb": "rewind", "branch": 0, "epoch": True}, "the epoch to go back to"),
        ({"verb": "pause", "epoch": 1}, "Leave it out"),
        ({"verb": "delete", "branch": 1.0}, "whole number"),
        ({"verb": "note", "text": " "}, "needs words"),
        ({"verb": "note", "text": "x" * 2_001}, "at most 2,000"),
        ({"verb": "pause", "text": "why"}, "the other commands none"),
        ({"verb": "pause", "why": "so"}, "Leave it out"),
        ({"branch": 0}, "with a verb"),
        ({"verb": "nudge", "branch": 0, "settings": [1]}, "names and values"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(plain, words):
    with pytest.raises(BadCommand, match=words) as told:
        command_from(plain)
    assert "\n" not in str(told.value)


def test_what_cannot_change_is_a_setting():
    assert set(NOT_NUDGED) <= {field.name for field in dataclasses.fields(Config)}


NONSENSE = st.dictionaries(
    st.sampled_from(["verb", "branch", "settings", "epoch", "text", "x"]), st.integers() | st.text() | st.none()
)


@given(NONSENSE)
def test_nonsense_is_refused_in_one_line(plain):
    with contextlib.suppress(BadCommand):
        assert command_from(plain).verb in VERBS
