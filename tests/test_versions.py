import pytest

from fishermask_backend import versions


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("fishermask-7", 7),
        ("fishermask-7.3", 7),
        ("fishermask-0", 0),
        ("fishermask-x", 0),
        ("other-7", 0),
        ("fishermask-" + "9" * 5000, 0),
        ("fishermask-" + "9" * 10, 0),
        ("", 0),
    ],
)
def test_number_of_a_version(version, number):
    assert versions.number_of(version) == number


@pytest.mark.parametrize(
    ("version", "nth"),
    [
        ("fishermask-7", 1),
        ("fishermask-7.3", 3),
        ("fishermask-7.x", 1),
        ("fishermask-70", 0),
        ("fishermask-8.3", 0),
        ("other-7.3", 0),
        ("fishermask-7." + "9" * 5000, 1),
    ],
)
def test_which_queue_of_round_7(version, nth):
    assert versions.nth_of(version, 7) == nth


def test_ours():
    assert [
        v for v in ("fishermask-0", "fishermask-2.1", "sam", "", None) if versions.is_ours(v)
    ] == [
        "fishermask-0",
        "fishermask-2.1",
    ]


def test_a_rounds_queues_have_versions_of_their_own():
    assert [versions.version(7, n) for n in (1, 2, 3)] == [
        "fishermask-7",
        "fishermask-7.2",
        "fishermask-7.3",
    ]
