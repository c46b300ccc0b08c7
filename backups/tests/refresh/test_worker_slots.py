"""How much one worker process does at a time."""

from contextlib import ExitStack

from backups.refresh.worker_slots import (
    BULK_JOBS,
    BULK_JOBS_OF_ONE_CLOUD,
    INTERACTIVE_JOBS_OF_ONE_CLOUD,
    worker_slot,
)

THREADS_OF_A_WORKER = 16


def test_a_slow_cloud_takes_no_room_from_others_or_from_people() -> None:
    with worker_slot("slow") as first, worker_slot("slow") as second, worker_slot("slow") as third:
        assert (first, second, third, BULK_JOBS_OF_ONE_CLOUD) == (True, True, False, 2)
        with worker_slot("other") as other, worker_slot("slow", interactive=True) as person:
            assert (other, person) == (True, True)
    assert BULK_JOBS + INTERACTIVE_JOBS_OF_ONE_CLOUD <= THREADS_OF_A_WORKER


def test_bulk_work_of_many_clouds_leaves_room_for_people() -> None:
    with ExitStack() as busy:
        slots = [busy.enter_context(worker_slot(f"cloud-{n}")) for n in range(BULK_JOBS + 1)]
        assert slots == [True] * BULK_JOBS + [False]
        with worker_slot("cloud-0", interactive=True) as person, worker_slot("last") as bulk:
            assert (person, bulk) == (True, False)
    with ExitStack() as busy:
        again = [busy.enter_context(worker_slot(f"cloud-{n}")) for n in range(BULK_JOBS + 1)]
        assert again == slots


def test_people_take_a_bounded_part_of_a_worker_for_one_cloud_and_none_of_the_bulk() -> None:
    with ExitStack() as busy:
        slots = [
            busy.enter_context(worker_slot("slow", interactive=True))
            for _ in range(INTERACTIVE_JOBS_OF_ONE_CLOUD + 1)
        ]
        assert slots == [True] * INTERACTIVE_JOBS_OF_ONE_CLOUD + [False]
        bulk = [busy.enter_context(worker_slot(f"cloud-{n}")) for n in range(BULK_JOBS)]
        assert bulk == [True] * BULK_JOBS
