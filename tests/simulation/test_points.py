"""The file of points: it only grows, and half a line is none."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.points import HEADER, Points
from tests.simulation.made_points import point

TEXT = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=30)
WHOLE = [point("a,b", 0, 1), point("a,b", 0, 2), point("ü\"'", 3, 1)]


@pytest.fixture
def points(tmp_path):
    opened = Points(tmp_path / "points.csv")
    opened.open()
    return opened


@given(TEXT, st.lists(TEXT, max_size=3), st.floats(0, 1))
def test_what_is_written_is_read(tmp_path_factory, name, notes, accuracy):
    points = Points(tmp_path_factory.mktemp("points") / "points.csv")
    points.open()
    written = replace(point(name, 2), notes=tuple(notes), balanced_accuracy=round(accuracy, 6))
    points.append(written)
    assert points.read() == {(name, 2): [written]}


def test_wherever_a_file_is_cut_off_whole_lines_stay(points):
    for each in WHOLE:
        points.append(each)
    whole = points.path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == 10]
    for length in range(len(whole)):
        points.path.write_bytes(whole[:length])
        points.open()
        kept = points.read()
        assert sum(map(len, kept.values())) == max(sum(end <= length for end in ends) - 1, 0)
        for each in WHOLE:  # whatever came before, the next line is a line
            points.append(each)
        assert points.read() == {("a,b", 0): WHOLE[:2], ("ü\"'", 3): WHOLE[2:]}


def test_a_point_that_comes_twice_counts_once_and_a_gap_ends_a_course(points):
    for each in (point(number=1), point(number=3), point(number=1, accuracy=0.9)):
        points.append(each)
    assert points.read() == {("margin", 0): [point(number=1)]}
    points.append(point(number=2))
    assert [each.round for each in points.read()["margin", 0]] == [1, 2, 3]


def test_many_writers_write_whole_lines(points):
    every = [point(f"s{i}", i, 1) for i in range(200)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(points.append, every))
    assert points.read() == {(f"s{i}", i): [every[i]] for i in range(200)}
    assert len(points.path.read_text().splitlines()) == 201


def test_opening_again_changes_nothing(points):
    points.append(point())
    before = points.path.read_bytes()
    points.open()
    assert points.path.read_bytes() == before
    assert before.decode().splitlines()[0] == ",".join(HEADER)


@pytest.mark.parametrize(
    ("line", "number"),
    [("a,b,c", 3), (f"{'x,' * 11}x", 3), ("m,0,1,10,1,0.5,half,1,1,1,3 4,", 3)],
)
def test_something_else_is_told_by_its_line(points, line, number):
    points.append(point())
    with points.path.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(SimulationImpossible, match=f"line {number}, is not a point"):
        points.open()


def test_another_table_is_refused(tmp_path):
    (tmp_path / "points.csv").write_text("image,label\n")
    with pytest.raises(SimulationImpossible, match="line 1, is not a point of a simulation"):
        Points(tmp_path / "points.csv").open()
