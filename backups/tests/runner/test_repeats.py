"""What a part that ends again and again has said before is not said again, until it works."""

from backups.runner.repeats import MOST_REMEMBERED, WORKS_AFTER_S, Repeats, is_reported


def life(repeats: Repeats, *lines: str, age_s: float = 1.0, by_itself: bool = True) -> list[str]:
    """The lines of one life that are printed, and the number of its end."""
    printed = [line for line in lines if repeats.is_new(line, age_s=age_s)]
    return [*printed, f"end {repeats.count_end(age_s=age_s, by_itself=by_itself)}"]


def test_the_same_lines_are_printed_once_and_their_ends_are_counted() -> None:
    repeats = Repeats()
    traceback = ("Traceback:", '  File "x.py", line 3', "ValueError: no")
    assert life(repeats, *traceback) == [*traceback, "end 1"]
    for number in range(2, 6):
        assert life(repeats, *traceback) == [f"end {number}"]
    assert life(repeats, *traceback, "KeyError: 'x'") == ["KeyError: 'x'", "end 1"]
    assert life(repeats, *traceback) == ["end 2"]


def test_lines_that_differ_by_numbers_and_ids_are_the_same() -> None:
    repeats = Repeats()
    life(
        repeats, "[2026-11-29 12:00:00 +0000] [71] object at 0x7f3a, request_id='3f07632736e242e3'"
    )
    again = "[2026-11-30 01:02:03 +0000] [4711] object at 0x9, request_id='aec735d0e7ce4e0e'"
    assert life(repeats, again) == ["end 2"]


def test_a_line_that_comes_twice_in_one_life_is_printed_twice() -> None:
    assert life(Repeats(), "retry", "retry") == ["retry", "retry", "end 1"]


def test_a_part_without_a_line_is_counted_too() -> None:
    repeats = Repeats()
    assert [life(repeats), life(repeats), life(repeats)] == [["end 1"], ["end 2"], ["end 3"]]


def test_a_part_that_has_worked_begins_anew() -> None:
    repeats = Repeats()
    life(repeats, "the broker is away")
    assert repeats.is_new("the broker is away", age_s=WORKS_AFTER_S)
    assert life(repeats, "ready", age_s=WORKS_AFTER_S) == ["ready", "end 1"]
    assert life(repeats, "the broker is away") == ["the broker is away", "end 1"]


def test_a_part_that_was_killed_is_heard_out_again() -> None:
    repeats = Repeats()
    assert life(repeats, "up", by_itself=False) == ["up", "end 1"]
    assert life(repeats, "up", by_itself=False) == ["up", "end 1"]


def test_only_so_many_lines_are_remembered() -> None:
    repeats = Repeats()
    lines = [chr(0x4E00 + number) for number in range(2 * MOST_REMEMBERED)]
    assert life(repeats, *lines) == [*lines, "end 1"]
    assert life(repeats, *lines) == [*lines[MOST_REMEMBERED:], "end 1"]


def test_ends_are_reported_ever_more_rarely() -> None:
    reported = [number for number in range(1, 100) if is_reported(number)]
    assert reported == [1, 2, 4, 8, 16, 32, 64]
