import numpy as np

from caviar.watching.growing import Room


def test_curves_grow_in_place_and_who_goes_back_does_not_disturb_the_others():
    room, (a, b) = Room().extended([np.zeros(0, np.float32), np.zeros((0, 2))], [np.arange(3.0), np.ones((3, 2))])
    again, (longer, wide) = room.extended([a, b], [np.full(2, 7.0), np.full((2, 2), 8.0)])
    assert again is room
    assert np.shares_memory(a, longer)
    assert np.shares_memory(b, wide)
    other, (back, _) = room.extended([longer[:2], wide[:2]], [np.full(1, 9.0), np.full((1, 2), 9.0)])
    assert other is not room
    assert (longer.tolist(), back.tolist()) == ([0, 1, 2, 7, 7], [0, 1, 9])
    assert longer.dtype == back.dtype == np.float32
    assert wide.flags.c_contiguous


def test_many_epochs_take_memory_for_twice_as_many_at_most():
    room, (values,) = Room().extended([np.zeros(0)], [np.zeros(1)])
    rooms = {room}
    for n in range(1, 1_000):
        room, (values,) = room.extended([values], [np.full(1, float(n))])
        rooms.add(room)
    np.testing.assert_array_equal(values, np.arange(1_000))
    assert len(rooms) < 10
    assert values.base is not None
    assert len(values.base) <= 2 * len(values)
