import re
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.template import Context, Template

from backups.web import status
from backups.web.charts import chain, growth, outcomes, scale, share, spark

FIRST = date(2026, 10, 25)


@dataclass(frozen=True)
class Day:
    day: date
    good: int = 0
    failed: int = 0
    missed: int = 0


@dataclass(frozen=True)
class One:
    id: str
    kind: str = "incremental"
    status: str | None = "available"
    gone: bool = False


def days(*counts: tuple[int, int, int]) -> list[Day]:
    return [Day(FIRST + timedelta(at), *one) for at, one in enumerate(counts)]


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [(0, 1, 0), (1, 1, 1), (7, 8, 6), (200, 200, 200), (201, 250, 200), (10**9 + 1, 1.5e9, 1e9)],
)
def test_an_axis_ends_at_a_round_number(value: int, up: float, down: float) -> None:
    assert (scale.round_up(value), scale.round_down(value)) == (up, down)


def test_an_outcome_column_is_as_high_as_its_number_says() -> None:
    chart = outcomes.outcomes(days((200, 0, 0), (100, 30, 15)))
    assert chart.ticks == ("200", "0", "50")
    good, half = chart.columns[0].shapes[0], chart.columns[1].shapes[0]
    assert (good.height, half.height) == (82, 41)
    failed, missed = chart.columns[1].shapes[2:]
    assert (failed.role, failed.y, failed.height) == ("fail", 99, 21.6)
    assert (missed.role, missed.y, missed.height) == ("warn", 120.6, 10.8)
    assert chart.description.endswith(
        "Worst day: Mon 26 Oct (today, unfinished): 100 good, 30 failed, 15 missed."
    )


def test_one_failure_among_a_hundred_thousand_is_still_seen() -> None:
    chart = outcomes.outcomes(days((100_000, 90_000, 0), (100_000, 1, 1)))
    assert [
        shape.height for shape in chart.columns[1].shapes if shape.role in ("fail", "warn")
    ] == [2.5, 2.5]


@pytest.mark.parametrize("counts", [[], [(0, 0, 0)], [(10**9, 10**9, 10**9)] * 30])
def test_outcome_shapes_stay_inside_the_drawing(counts: list[tuple[int, int, int]]) -> None:
    for column in outcomes.outcomes(days(*counts)).columns:
        for shape in column.shapes:
            assert 0 <= shape.x <= shape.x + shape.width <= 600
            assert 0 <= shape.y <= shape.y + shape.height <= 136


def test_growth_breaks_its_line_where_no_figure_is_known() -> None:
    points = [(FIRST + timedelta(at), mb) for at, mb in enumerate([1024, 2048, None, 4096, 4096])]
    chart = growth.growth(points, of="Stored data")
    assert chart.line == "M0.0 95.0 L150.0 70.0 M450.0 20.0 L600.0 20.0"
    assert (chart.ticks, chart.limit) == (("4 GB", "0"), None)
    assert chart.description == "Rises from 1 to 4 GB between 25 Oct and 29 Oct."
    assert chart.rows[0] == growth.GrowthRow("Thu 29 Oct", 4096, at=1.0)
    assert [row.at for row in chart.rows] == [1.0, 0.75, 0.25, 0.0]


def test_the_way_to_today_is_drawn_as_unfinished_and_its_figure_says_so() -> None:
    points = [(FIRST + timedelta(at), mb) for at, mb in enumerate([1024, 2048, 4096])]
    chart = growth.growth(points, of="Stored data", today=FIRST + timedelta(2))
    assert chart.line == "M0.0 95.0 L300.0 70.0"
    assert chart.unfinished == "M300.0 70.0 L600.0 20.0"
    assert chart.rows[0].day == "Tue 27 Oct (today, so far)"
    over = growth.growth(points, of="Stored data", today=FIRST + timedelta(3))
    assert (over.unfinished, over.rows[0].day) == ("", "Tue 27 Oct")


def test_an_axis_that_begins_above_zero_says_so() -> None:
    points = [(FIRST, 700), (FIRST + timedelta(1), 800)]
    html = Template('{% growth_chart points "Stored data" %}').render(Context({"points": points}))
    assert "The axis begins at 600, not at zero." in html
    points = [(FIRST, 100), (FIRST + timedelta(1), 800)]
    html = Template('{% growth_chart points "Stored data" %}').render(Context({"points": points}))
    assert "not at zero" not in html


def test_today_of_the_outcomes_is_unfinished_and_each_column_knows_its_place() -> None:
    chart = outcomes.outcomes(days((3, 0, 0), (1, 0, 0)))
    assert [column.is_today for column in chart.columns] == [False, True]
    assert [column.at for column in chart.columns] == [0.25, 0.75]
    assert chart.columns[1].name == "Mon 26 Oct (today, unfinished)"
    html = Template("{% outcomes_chart days %}").render(Context({"days": days((3, 0, 0))}))
    assert html.count('<g class="unfinished">') == 1


def test_good_and_failed_ones_lead_to_their_list_and_what_was_missed_to_none() -> None:
    context = Context({"days": days((0, 0, 4), (3, 2, 1))})
    html = Template("{% outcomes_chart days %}").render(context)
    span = "made_at_after=2026-10-26T00%3A00%3A00Z&amp;made_at_before=2026-10-26T23%3A59%3A59Z"
    assert re.findall(r'<a href="([^"]*)">(\d+)</a>', html) == [
        (f"/backups/?outcome=good&amp;{span}", "3"),
        (f"/backups/?outcome=failed&amp;{span}", "2"),
    ]


def test_growth_says_so_when_there_is_too_little_for_a_line() -> None:
    chart = growth.growth([(FIRST, 5), (FIRST + timedelta(1), None)], of="Stored data")
    assert (chart.line, chart.description) == ("", "Not enough figures for a line yet.")


def test_a_limit_is_drawn_only_where_it_leaves_the_line_readable() -> None:
    points: list[tuple[date, int | None]] = [(FIRST, 700), (FIRST + timedelta(1), 800)]
    near, far = (
        growth.growth(points, limit_mb=limit, of="Stored data") for limit in (1000, 10_000)
    )
    assert (near.limit, near.ticks) == (20.0, ("1\u202f000 MB", "600"))
    assert far.limit is None
    assert "limit of 1\u202f000 MB" in near.description


@pytest.mark.parametrize("sizes", [(0, 0), (5, 5), (10**18, 0), (1, 10**18)])
def test_growth_stays_inside_the_drawing_whatever_the_figures(sizes: tuple[int, int]) -> None:
    points: list[tuple[date, int | None]] = [
        (FIRST + timedelta(at), mb) for at, mb in enumerate(sizes)
    ]
    heights = [
        float(y) for y in re.findall(r" (-?[\d.]+)(?: L|$)", growth.growth(points, of="x").line)
    ]
    assert len(heights) == 2
    assert all(20 <= y <= 120 for y in heights)


def test_a_chain_strip_has_a_shape_for_each_state_and_points_at_one() -> None:
    members = [
        One("a", "full"),
        One("b"),
        One("c", status="error"),
        One("d", "unknown"),
        One("e", gone=True),
        One("f", status="creating"),
    ]
    strip = chain.strip([members], of="Chain", here="b")
    drawn = [(link.shape, link.box.role) for link in strip.links]
    blocks = [("block", "ok"), ("block", "ok"), ("hole", "fail"), ("ask", "unk")]
    assert drawn == [*blocks, ("block", "line"), ("block", "flight")]
    assert [link.here for link in strip.links] == [False, True, *[False] * 4]
    assert strip.description == "full + 3 incremental + 1 of unknown kind, 1 failed"


def test_a_chain_that_nobody_knows_now_is_not_drawn_as_good() -> None:
    links = chain.strip([[One("a", "full"), One("b")]], of="Chain", known=False).links
    assert [(link.box.role, link.title) for link in links] == [
        ("unk", "full, was available"),
        ("unk", "incremental, was available"),
    ]


def test_a_long_chain_is_drawn_around_the_backup_that_is_looked_at() -> None:
    members = [One(str(n)) for n in range(50_000)]
    newest = chain.strip([members], of="Chain")
    assert (len(newest.links), newest.left_out) == (60, 49_940)
    around = chain.strip([members], of="Chain", here="100")
    assert [link.here for link in around.links].index(True) == 30


def test_the_protection_bar_is_full_and_shows_a_single_disk_among_thousands() -> None:
    bar = share.share({"protected": 7_999, "never": 1, "late": 0})
    assert [(part.protection, part.n) for part in bar.parts] == [("protected", 7_999), ("never", 1)]
    assert bar.parts[-1].shape.width >= 9.5
    assert set(share.ORDER) == set(status.PROTECTION)
    end = bar.parts[-1].shape
    assert end.x + end.width == pytest.approx(1000, abs=0.2)


def test_a_spark_is_as_high_as_its_worst_day() -> None:
    shapes = spark.spark([(FIRST, 0), (FIRST + timedelta(1), 3), (FIRST + timedelta(2), 6)]).shapes
    assert [(shape.role, shape.height) for shape in shapes] == [
        ("line", 1.0),
        ("fail", 10.0),
        ("fail", 20.0),
    ]


def test_a_chart_holds_its_numbers_as_a_table_too() -> None:
    html = Template("{% outcomes_chart days %}").render(Context({"days": days((3, 2, 1))}))
    cells = re.findall(r'<td class="num" data-of="(\w+)">(.*?)</td>', html, re.DOTALL)
    numbers = {of: re.sub(r"<[^>]*>", "", cell).strip() for of, cell in cells}
    assert numbers == {"good": "3", "failed": "2", "missed": "1"}
    html = Template('{% growth_chart points "Stored data" %}').render(
        Context({"points": [(FIRST, 5), (FIRST + timedelta(1), 7)]})
    )
    assert re.findall(r'<td class="num">(\d+)</td>', html) == ["7", "5"]
