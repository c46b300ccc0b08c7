"""How much one worker process does at a time."""

from contextlib import ExitStack

from backups.refresh.worker_slots import FOR_PEOPLE, IN_BULK, OF_ONE_CLOUD, worker_slot

THREADS_OF_A_WORKER = 16


def test_a_slow_cloud_takes_no_room_from_others_or_from_people() -> None:
    with worker_slot("slow") as first, worker_slot("slow") as second, worker_slot("slow") as third:
        assert (first, second, third, OF_ONE_CLOUD) == (True, True, False, 2)
        with worker_slot("other") as other, worker_slot("slow", interactive=True) as person:
            assert (other, person) == (True, True)
    assert IN_BULK + FOR_PEOPLE <= THREADS_OF_A_WORKER


def test_bulk_work_of_many_clouds_leaves_room_for_people() -> None:
    with ExitStack() as busy:
        slots = [busy.enter_context(worker_slot(f"cloud-{n}")) for n in range(IN_BULK + 1)]
        assert slots == [True] * IN_BULK + [False]
        with worker_slot("cloud-0", interactive=True) as person, worker_slot("last") as bulk:
            assert (person, bulk) == (True, False)
    with ExitStack() as busy:
        again = [busy.enter_context(worker_slot(f"cloud-{n}")) for n in range(IN_BULK + 1)]
        assert again == slots


def test_people_take_a_bounded_part_of_a_worker_for_one_cloud_and_none_of_the_bulk() -> None:
    with ExitStack() as busy:
        slots = [
            busy.enter_context(worker_slot("slow", interactive=True)) for _ in range(FOR_PEOPLE + 1)
        ]
        assert slots == [True] * FOR_PEOPLE + [False]
        bulk = [busy.enter_context(worker_slot(f"cloud-{n}")) for n in range(IN_BULK)]
        assert bulk == [True] * IN_BULK
