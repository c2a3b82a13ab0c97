"""The order of levels that have one: sizes, grades, answers of questionnaires, ranges of numbers.

Only where every level is known is there an order. Months and days of the week have none here: after the last comes the
first again.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

FEWEST = 3
"""Two levels say the same in any order."""

# Each line is a scale from low to high; words with a bar between them share a place.
_SCALES = (
    "extremely low | very low, low, medium low, medium | med | mid | middle | moderate | average | normal, "
    "medium high, high, extremely high | very high",
    "xxxs | 3xs, xxs | 2xs, xs | extra small, s | small, m | medium | med, l | large, xl | extra large, xxl | 2xl, "
    "xxxl | 3xl, 4xl",
    "tiny, small, medium, big | large, huge",
    "terrible | very poor | very bad, poor | bad, below average, fair, "
    "average | ok | okay | acceptable | satisfactory, above average, good, very good, excellent | outstanding",
    "fair, good, very good, premium, ideal",
    "po, fa, ta, gd, ex",
    "never, almost never, rarely | seldom, occasionally, sometimes, often | frequently, usually | very often, "
    "almost always, always",
    "strongly disagree, disagree, somewhat disagree | slightly disagree, "
    "neutral | undecided | neither agree nor disagree, somewhat agree | slightly agree, agree, strongly agree",
    "very dissatisfied | very unsatisfied, dissatisfied | unsatisfied, somewhat dissatisfied, neutral, "
    "somewhat satisfied, satisfied, very satisfied",
    "very unlikely, unlikely, possible | neutral, likely, very likely",
    "not important | not at all important | unimportant, slightly important, moderately important, important, "
    "very important, extremely important",
    "not at all, slightly | a little, somewhat | moderately, very | very much, extremely",
    "minimal, mild | minor, moderate, severe | major, critical",
    "beginner | novice, intermediate, advanced, expert",
    "primary | elementary, secondary | high school, tertiary",
    "high school, bachelor | bachelors | bachelor's, master | masters | master's, doctorate | doctoral | phd",
    "first | 1st, second | 2nd, third | 3rd, fourth | 4th, fifth | 5th, sixth | 6th, seventh | 7th, eighth | 8th",
    "cold, cool, mild, warm, hot",
    "slow, medium, fast",
    "f, d-, d, d+, c-, c, c+, b-, b, b+, a-, a, a+",
    "d, c, cc, ccc-, ccc, ccc+, b-, b, b+, bb-, bb, bb+, bbb-, bbb, bbb+, a-, a, a+, aa-, aa, aa+, aaa",
    "i3, i2, i1, si2, si1, vs2, vs1, vvs2, vvs1, if, fl",  # clarity of diamonds, as the GIA grades it
)
_PLACES = tuple(
    {word.strip(): place for place, words in enumerate(scale.split(",")) for word in words.split("|")}
    for scale in _SCALES
)
_NUMBERED = re.compile(r"(grade|level|stage|tier|rank|step|phase) ?(\d+)")
_NUMBER = r"[$€£]?\s?(\d[\d,]*\.?\d*)\s?([km]?)\s?%?"
_RANGE = re.compile(rf"{_NUMBER}\s?(?:-|–|to|\.\.)\s?{_NUMBER}")
_BELOW = re.compile(rf"(?:<|<=|≤|under |below |less than |up to )\s?{_NUMBER}")
_ABOVE = re.compile(rf"(?:>|>=|≥|over |above |more than )\s?{_NUMBER}|{_NUMBER}(?:\s?\+| and over| and above| or more)")


def order_of(levels: Sequence[str]) -> tuple[str, ...] | None:
    """The levels from low to high, None where they have no order that is known.

    Args:
        levels: different ones, without blanks around them; large and small letters, `-` and `_` do not matter.
    """
    if len(levels) < FEWEST:
        return None
    plain = {level: re.sub(r"(?<=\w)[_-](?=\w)|\s+", " ", level.lower()) for level in levels}
    for places in _PLACES:
        if all(word in places for word in plain.values()) and _certain(plain.values()):
            at = {level: places[word] for level, word in plain.items()}
            return _sorted(at) if len(set(at.values())) >= FEWEST else None
    if all(found := {level: _NUMBERED.fullmatch(word) for level, word in plain.items()}.values()):
        return _sorted({level: int(match[2]) for level, match in zip(plain, found, strict=True) if match})
    return _ranges(levels)


def _certain(words: Iterable[str]) -> bool:
    """Single letters alone, such as A, B and C, may be names as well as grades; S, M and L are sizes."""
    known = set(words)
    return any(len(word) > 1 for word in known) or known == {"s", "m", "l"}


def _sorted(places: dict[str, int]) -> tuple[str, ...]:
    return tuple(sorted(places, key=lambda level: (places[level], level)))


def _ranges(levels: Sequence[str]) -> tuple[str, ...] | None:
    """The order of "under 18", "18-25", "26-40", "40+": ranges that do not overlap."""
    ends = {}
    for level in levels:
        bounds = _bounds(level.lower())
        if bounds is None or bounds[0] >= bounds[1]:
            return None
        ends[level] = bounds
    order = tuple(sorted(ends, key=lambda level: ends[level]))
    closed = [level for level in order if _RANGE.fullmatch(level.lower())]
    if len(closed) < FEWEST - 1 or any(ends[a][1] > ends[b][0] for a, b in pairwise(order)):
        return None
    return order


def _bounds(text: str) -> tuple[float, float] | None:
    """Both ends of a range; None for other text."""
    if match := _RANGE.fullmatch(text):
        return _number(match[1], match[2] or match[4]), _number(match[3], match[4])
    if match := _BELOW.fullmatch(text):
        return float("-inf"), _number(match[1], match[2])
    if match := _ABOVE.fullmatch(text):
        return _number(match[1] or match[3], match[2] or match[4] or ""), float("inf")
    return None


def _number(digits: str, unit: str) -> float:
    return float(digits.replace(",", "")) * {"": 1, "k": 1e3, "m": 1e6}[unit]
