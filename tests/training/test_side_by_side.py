"""Jobs in threads: every one is done once, places have one at a time, and whoever stops waiting stops them all."""

import threading
import time

import pytest

from caviar.training.side_by_side import side_by_side


def job(result, log=None, parts=3):
    def do(place, tell):
        if log is not None:
            log.append((result, place))
        for part in range(1, parts):
            tell(part / parts, part)
        return result

    return do


def test_every_job_is_done_once_and_tells():
    log = []
    told = list(side_by_side([job(number, log) for number in range(1, 21)], "ab"))
    assert sorted(number for number, _ in log) == list(range(1, 21))
    assert {place for _, place in log} <= {"a", "b"}
    assert [n.result for n in sorted(told) if n.result] == list(range(1, 21))
    for number in range(20):
        assert [news.share for news in told if news.job == number] == pytest.approx([1 / 3, 2 / 3, 1])


def test_a_job_may_have_nothing_to_say():
    assert [news.done for news in side_by_side([job(None, parts=1)] * 3, "ab")] == [True] * 3


def test_no_jobs_and_one_place():
    assert list(side_by_side([], "a")) == []
    log = []
    list(side_by_side([job(n, log) for n in (3, 1, 2)], "a"))
    assert log == [(3, "a"), (1, "a"), (2, "a")]  # in their order


def test_places_have_one_job_at_a_time_and_work_together():
    """Two jobs meet at a barrier, so both places are at work; three never run at once."""
    running, most = set(), []
    meet = threading.Barrier(2, timeout=20)

    def do(place, tell):  # noqa: ARG001  (as all jobs)
        assert place not in running
        running.add(place)
        most.append(len(running))
        meet.wait()
        running.discard(place)
        meet.wait()
        return place

    assert len(list(side_by_side([do] * 6, "ab"))) == 6
    assert max(most) == 2


def test_what_a_job_raises_comes_out_and_ends_the_others():
    others = []

    def endless(place, tell):
        while True:
            time.sleep(0.001)
            others.append(place)
            tell(0.1, None)

    def fails(place, tell):  # noqa: ARG001  (as all jobs)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(side_by_side([endless, fails, job(1)], "ab"))
    ended = len(others)
    time.sleep(0.05)
    assert len(others) == ended
    assert not [thread for thread in threading.enumerate() if thread.name == "caviar lane"]


def test_whoever_stops_waiting_ends_the_jobs():
    begun = []

    def slow(place, tell):
        begun.append(place)
        while True:
            time.sleep(0.001)
            tell(0.5, None)

    told = side_by_side([slow, slow, slow], "ab")
    next(told)
    told.close()
    assert len(begun) <= 2
    assert not [thread for thread in threading.enumerate() if thread.name == "caviar lane"]
