import pytest

from backups.vbs.kind import KindVerdict, TypeInterpretation, Votes, full_type, judge, vote


@pytest.mark.parametrize(
    ("inc", "type_", "flag", "type_interpretation", "expected"),
    [
        (0, 1, False, "vbs_1", KindVerdict("full", "inc", False)),
        (1, 0, False, "vbs_1", KindVerdict("incremental", "inc", False)),
        (0, 0, None, "vbs_1", KindVerdict("full", "inc", True)),
        (1, 1, None, "vbs_1", KindVerdict("incremental", "inc", True)),
        (None, 1, None, "vbs_1", KindVerdict("full", "type", False)),
        (None, 0, True, "vbs_1", KindVerdict("incremental", "type", False)),
        (None, None, True, "vbs_1", KindVerdict("incremental", "is_incremental", False)),
        (None, None, False, "vbs_1", KindVerdict("unknown", None, False)),
        (None, 2, None, "vbs_1", KindVerdict("unknown", None, False)),
        (1, 0, None, "vbs_0", KindVerdict("full", "type", False)),
        (0, 1, None, "vbs_0", KindVerdict("incremental", "type", True)),
        (1, 1, None, "vbs_0", KindVerdict("incremental", "type", False)),
        (0, None, None, "vbs_0", KindVerdict("full", "inc", False)),
        (None, None, False, "cinder", KindVerdict("full", "is_incremental", False)),
        (0, 1, True, "cinder", KindVerdict("incremental", "is_incremental", True)),
        (1, None, None, "cinder", KindVerdict("incremental", "inc", False)),
    ],
)
def test_kind_follows_the_order_of_trust(
    inc: int | None,
    type_: int | None,
    flag: bool | None,
    type_interpretation: TypeInterpretation,
    expected: KindVerdict,
) -> None:
    assert (
        judge(inc=inc, type_=type_, is_incremental=flag, type_interpretation=type_interpretation)
        == expected
    )


@pytest.mark.parametrize(
    ("inc", "type_", "expected"),
    [
        (0, 0, Votes(1, 0)),
        (0, 1, Votes(0, 1)),
        (1, 1, Votes(1, 0)),
        (1, 0, Votes()),
        (None, 1, Votes()),
        (0, None, Votes()),
        (0, 7, Votes()),
    ],
)
def test_only_telling_pairs_vote(inc: int | None, type_: int | None, expected: Votes) -> None:
    assert vote(inc=inc, type_=type_) == expected


@pytest.mark.parametrize(
    ("zero", "one", "expected"), [(0, 0, 1), (2, 0, 1), (3, 0, 0), (3, 2, 1), (4, 2, 0), (0, 9, 1)]
)
def test_reading_zero_needs_three_votes_and_twice_as_many(
    zero: int, one: int, expected: int
) -> None:
    assert full_type(Votes(zero, one)) == expected
