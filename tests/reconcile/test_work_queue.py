"""The queue: never twice at once, nothing lost, urgent first, back-off, times, and a clean end."""

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwks_operator.api.names import SetRef
from jwks_operator.reconcile.backoff import Backoff
from jwks_operator.reconcile.work_queue import Priority, Work, WorkQueue
from process.virtual import BEGIN, World, ref, run


class Trouble(Exception):
    """An expected failure."""

    def __init__(self, retry_after: float | None = None) -> None:
        super().__init__("trouble")
        self.retry_after = retry_after


def steady() -> Backoff:
    return Backoff(chance=lambda: 0.0)


class Bench:
    """A queue, its virtual world, and a diary of what was worked on when (seconds since the start)."""

    def __init__(self, takes: float = 1.0, workers: int = 1) -> None:
        self.world = World()
        self.takes = takes
        self.diary: list[tuple[float, str]] = []
        self.running: Counter[SetRef] = Counter()
        self.most = 0
        self.answers: dict[str, list[datetime | Exception | None]] = defaultdict(list)
        work: Work = self.work
        self.queue = WorkQueue(work, self.world.now, workers=workers, expected=Trouble, backoff=steady())

    async def work(self, ref: SetRef) -> datetime | None:
        self.running[ref] += 1
        assert self.running[ref] == 1, f"{ref} is worked on twice at once"
        self.most = max(self.most, self.running.total())
        self.diary.append((round(self.world.elapsed(), 3), ref.name))
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.running[ref] -= 1
        answer = self.answers[ref.name].pop(0) if self.answers[ref.name] else None
        if isinstance(answer, Exception):
            raise answer
        return answer


def scene(play: Callable[[Bench], Awaitable[None]], takes: float = 1.0, workers: int = 1) -> Bench:
    """Play a scene with a work queue that runs, and close it."""

    async def main() -> Bench:
        bench = Bench(takes, workers)
        bench.queue.start()
        await play(bench)
        await bench.queue.close()
        return bench

    return run(main())


def test_a_ref_that_waits_is_worked_on_once_however_often_it_is_put() -> None:
    async def play(bench: Bench) -> None:
        for _ in range(5):
            bench.queue.add(ref("a"))
        await asyncio.sleep(10)

    assert scene(play).diary == [(0.0, "a")]


def test_a_ref_put_while_it_runs_runs_again_afterwards_and_not_beside_itself() -> None:
    async def play(bench: Bench) -> None:
        bench.queue.add(ref("a"))
        await asyncio.sleep(0.5)
        bench.queue.add(ref("a"))
        bench.queue.add(ref("a"))
        await asyncio.sleep(10)

    assert scene(play, workers=4).diary == [(0.0, "a"), (1.0, "a")]


def test_urgent_refs_overtake_routine_ones_and_a_routine_one_can_become_urgent() -> None:
    async def play(bench: Bench) -> None:
        for name in ("a", "b", "c", "d"):
            bench.queue.add(ref(name))
        await asyncio.sleep(0.5)
        bench.queue.add(ref("e"), Priority.URGENT)
        bench.queue.add(ref("d"), Priority.URGENT)
        bench.queue.add(ref("e"))
        await asyncio.sleep(10)

    assert [name for _, name in scene(play).diary] == ["a", "e", "d", "b", "c"]


def test_workers_share_the_load_of_many_namespaces_and_leave_a_quarter_to_repairs() -> None:
    async def play(bench: Bench) -> None:
        for number in range(12):
            bench.queue.add(SetRef(f"tenant{number}", "a"))
        await asyncio.sleep(10)

    bench = scene(play, workers=4)
    assert bench.most == 3
    assert max(when for when, _ in bench.diary) == 3.0


def test_namespaces_take_turns() -> None:
    async def play(bench: Bench) -> None:
        for number in range(4):
            bench.queue.add(SetRef("big", f"b{number}"))
        bench.queue.add(SetRef("small", "s0"))
        bench.queue.add(SetRef("tiny", "t0"))
        await asyncio.sleep(10)

    assert [name for _, name in scene(play).diary] == ["b0", "s0", "t0", "b1", "b2", "b3"]


def test_a_namespace_never_has_all_workers_so_that_another_one_begins_at_once() -> None:
    async def play(bench: Bench) -> None:
        for number in range(20):
            bench.queue.add(SetRef("big", f"b{number}"), Priority.URGENT)
        await asyncio.sleep(0.5)
        bench.queue.add(SetRef("small", "s0"), Priority.URGENT)
        await asyncio.sleep(10)

    assert (0.5, "s0") in scene(play, workers=8).diary


def test_a_repair_begins_at_once_while_every_other_worker_is_busy() -> None:
    async def play(bench: Bench) -> None:
        for number in range(20):
            bench.queue.add(SetRef(f"tenant{number}", "a"), Priority.URGENT)
        await asyncio.sleep(0.5)
        bench.queue.add(SetRef("shop", "revoked"), Priority.REPAIR)
        await asyncio.sleep(10)

    assert (0.5, "revoked") in scene(play, workers=8).diary


def test_a_repair_that_failed_is_retried_as_a_repair() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["revoked"] = [Trouble()]
        bench.queue.add(SetRef("shop", "revoked"), Priority.REPAIR)
        await asyncio.sleep(0.5)
        for number in range(20):
            bench.queue.add(SetRef(f"tenant{number}", "a"), Priority.URGENT)
        await asyncio.sleep(10)

    assert [when for when, name in scene(play, workers=4).diary if name == "revoked"] == [0.0, 1.2]


def test_back_off_doubles_up_to_a_minute_and_starts_over_after_a_success() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [Trouble() for _ in range(11)] + [None, Trouble(), None]
        bench.queue.add(ref("a"))
        await asyncio.sleep(400)
        bench.queue.add(ref("a"))
        await asyncio.sleep(10)

    starts = [when for when, _ in scene(play, takes=0.0).diary]
    gaps = [round(after - before, 3) for before, after in itertools.pairwise(starts)]
    assert gaps[:11] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]
    assert starts[12:] == [400.0, 400.2]


@pytest.mark.parametrize(("chance", "delay"), [(0.0, 60.0), (0.5, 45.0), (1.0, 30.0)])
def test_jitter_cuts_a_delay_by_up_to_half(chance: float, delay: float) -> None:
    assert Backoff(chance=lambda: chance).delay(10_000) == delay


def test_a_server_under_load_is_given_the_time_it_asked_for() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [Trouble(retry_after=7.0)]
        bench.queue.add(ref("a"))
        await asyncio.sleep(20)

    assert scene(play, takes=0.0).diary == [(0.0, "a"), (7.0, "a")]


def test_news_during_a_back_off_is_not_made_to_wait() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [Trouble() for _ in range(8)]
        bench.queue.add(ref("a"))
        await asyncio.sleep(20)
        bench.queue.add(ref("a"))
        await asyncio.sleep(1)

    assert (20.0, "a") in scene(play, takes=0.0).diary


def test_news_during_a_run_that_fails_waits_a_second_at_most_and_never_spins() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [Trouble() for _ in range(100)]
        bench.queue.add(ref("a"))
        for _ in range(200):
            await asyncio.sleep(0.1)
            if bench.running[ref("a")]:
                bench.queue.add(ref("a"))

    starts = [when for when, _ in scene(play, takes=0.5).diary]
    gaps = [after - before for before, after in itertools.pairwise(starts)]
    assert max(gaps) <= 1.5 + 1e-9
    assert min(gaps) >= 0.5 + 0.2 - 1e-9


@pytest.mark.parametrize(
    ("news", "runs"),
    [(True, [0.0, 1.0]), (False, [0.0])],
)
@pytest.mark.parametrize("priority", Priority)
def test_what_is_heard_during_a_run_is_weighed_once_after_it(news: bool, priority: Priority, runs: list[float]) -> None:
    asked: list[float] = []

    async def play(bench: Bench) -> None:
        def is_news() -> bool:
            asked.append(bench.world.elapsed())
            return news

        bench.queue.add(ref("a"))
        await asyncio.sleep(0.5)
        bench.queue.add_if_news(ref("a"), is_news, priority)
        await asyncio.sleep(10)

    assert [when for when, _ in scene(play).diary] == runs
    assert asked == [1.0]


@pytest.mark.parametrize("news", [True, False])
def test_what_is_heard_of_an_idle_ref_is_weighed_at_once(news: bool) -> None:
    async def play(bench: Bench) -> None:
        bench.queue.add_if_news(ref("a"), lambda: news)
        await asyncio.sleep(10)

    assert scene(play).diary == ([(0.0, "a")] if news else [])


def test_the_echo_of_a_run_that_fails_does_not_shorten_its_back_off() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [Trouble() for _ in range(100)]
        bench.queue.add(ref("a"))
        for _ in range(600):
            await asyncio.sleep(0.1)
            if bench.running[ref("a")]:
                bench.queue.add_if_news(ref("a"), lambda: False, Priority.URGENT)

    assert len(scene(play, takes=0.5).diary) <= 9


def test_a_failure_is_told_when_it_begins_and_then_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [Trouble() for _ in range(100)]
        bench.queue.add(ref("a"))
        await asyncio.sleep(600)

    tried = len(scene(play, takes=0.0).diary)
    told = [record for record in caplog.records if record.levelname == "WARNING"]
    assert tried > 15
    assert 1 + 600 / 60 - 3 <= len(told) <= 1 + 600 / 60


def test_an_unexpected_failure_is_tried_again_too(caplog: pytest.LogCaptureFixture) -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [ZeroDivisionError()]
        bench.queue.add(ref("a"))
        await asyncio.sleep(5)

    assert scene(play, takes=0.0).diary == [(0.0, "a"), (0.2, "a")]
    assert caplog.records[-1].exc_info is not None


def test_work_cancelled_by_somebody_else_is_a_failure_and_the_worker_lives_on() -> None:
    async def main() -> list[str]:
        done: list[str] = []

        async def work(what: SetRef) -> None:
            if not done:
                done.append("cancelled")
                inner = asyncio.create_task(asyncio.sleep(9))
                asyncio.get_running_loop().call_soon(inner.cancel)
                await inner
            done.append(what.name)

        queue = WorkQueue(work, World().now, workers=1, backoff=steady())
        queue.start()
        queue.add(ref("a"))
        await asyncio.sleep(5)
        assert queue.is_healthy(timedelta(minutes=1))
        await queue.close()
        return done

    assert run(main()) == ["cancelled", "a"]


@pytest.mark.parametrize(
    ("after", "worked_on"),
    [(29.999, []), (30.0, [(30.0, "a")]), (30.001, [(30.0, "a")]), (200.0, [(30.0, "a")])],
)
def test_a_time_is_kept_neither_earlier_nor_twice(after: float, worked_on: list[tuple[float, str]]) -> None:
    async def play(bench: Bench) -> None:
        bench.queue.add_at(ref("a"), BEGIN + timedelta(seconds=30))
        await asyncio.sleep(after)
        for _ in range(10):  # the instant itself: whatever is due now gets its turn
            await asyncio.sleep(0)

    assert scene(play, takes=0.0).diary == worked_on


@pytest.mark.parametrize(("first", "second"), [(30, 50), (50, 30), (30, 30)])
def test_a_new_time_replaces_the_former_one(first: float, second: float) -> None:
    async def play(bench: Bench) -> None:
        bench.queue.add_at(ref("a"), BEGIN + timedelta(seconds=first))
        bench.queue.add_at(ref("a"), BEGIN + timedelta(seconds=second))
        await asyncio.sleep(500)

    assert scene(play, takes=0.0).diary == [(float(second), "a")]


def test_a_time_before_all_others_wakes_the_sleeper() -> None:
    async def play(bench: Bench) -> None:
        bench.queue.add_at(ref("a"), BEGIN + timedelta(seconds=50))
        await asyncio.sleep(1)
        bench.queue.add_at(ref("b"), BEGIN + timedelta(seconds=30))
        await asyncio.sleep(100)

    assert scene(play, takes=0.0).diary == [(30.0, "b"), (50.0, "a")]


def test_replaced_times_do_not_pile_up() -> None:
    async def play(bench: Bench) -> None:
        for minute in range(10_000):
            bench.queue.add_at(ref("a"), BEGIN + timedelta(minutes=minute + 1))
        assert len(bench.queue._times._heap) < 100

    scene(play)


def test_what_work_answers_is_its_next_time_and_none_removes_the_time_it_had() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [BEGIN + timedelta(seconds=90), None]
        bench.queue.add(ref("a"))
        await asyncio.sleep(1)
        bench.queue.add(ref("a"))
        await asyncio.sleep(500)

    assert scene(play, takes=0.0).diary == [(0.0, "a"), (1.0, "a")]


def test_work_that_keeps_asking_for_the_past_does_not_spin() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["a"] = [BEGIN - timedelta(days=1) for _ in range(1000)]
        bench.queue.add(ref("a"))
        await asyncio.sleep(5)

    assert len(scene(play, takes=0.0).diary) <= 52


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(minutes=29), timedelta(days=400)])
def test_a_wall_clock_that_jumps_forward_is_noticed_within_a_minute(jump: timedelta) -> None:
    async def play(bench: Bench) -> None:
        bench.queue.add_at(ref("a"), BEGIN + timedelta(minutes=30))
        await asyncio.sleep(90)
        bench.world.jump(jump)
        await asyncio.sleep(60)

    (when, _), *_ = scene(play, takes=0.0).diary
    assert 90 < when <= 150


def test_a_wall_clock_that_jumps_back_delays_a_time_by_just_as_much_and_back_offs_not_at_all() -> None:
    async def play(bench: Bench) -> None:
        bench.answers["b"] = [Trouble() for _ in range(3)]
        bench.queue.add_at(ref("a"), BEGIN + timedelta(minutes=30))
        bench.queue.add(ref("b"))
        bench.world.jump(-timedelta(hours=1))
        await asyncio.sleep(7200)

    diary = scene(play, takes=0.0).diary
    assert [when for when, name in diary if name == "a"] == [5400.0]
    assert max(when for when, name in diary if name == "b") == 1.4


def test_ten_thousand_times_at_the_same_second_are_all_kept() -> None:
    async def play(bench: Bench) -> None:
        for number in range(10_000):
            for minute in (5, 7, 6):  # replaced twice, so that the heap is swept
                bench.queue.add_at(ref(f"s{number}"), BEGIN + timedelta(minutes=minute))
        await asyncio.sleep(600)

    bench = scene(play, takes=0.0, workers=8)
    assert len(bench.diary) == 10_000
    assert {when for when, _ in bench.diary} == {360.0}


def test_close_lets_running_work_end_and_begins_no_more() -> None:
    async def play(bench: Bench) -> None:
        for name in ("a", "b", "c"):
            bench.queue.add(ref(name))
        bench.queue.add_at(ref("d"), BEGIN + timedelta(seconds=1))
        await asyncio.sleep(0.5)
        await bench.queue.close()
        bench.queue.add(ref("e"))
        bench.queue.add_at(ref("f"), BEGIN)
        await asyncio.sleep(100)

    bench = scene(play, takes=1.0)
    assert bench.diary == [(0.0, "a")]
    assert not +bench.running
    assert not any(task.cancelled() or task.exception() for task in bench.queue._tasks)


def test_close_cancels_what_does_not_end_in_time() -> None:
    async def play(bench: Bench) -> None:
        bench.queue.add(ref("a"))
        await asyncio.sleep(1)
        await bench.queue.close(timedelta(seconds=2))
        assert bench.world.elapsed() == 3.0

    assert not +scene(play, takes=3600.0).running


def test_close_before_start_is_fine() -> None:
    async def main() -> None:
        await Bench().queue.close()

    run(main())


def test_health_is_lost_when_work_hangs_and_comes_back() -> None:
    async def play(bench: Bench) -> None:
        assert bench.queue.is_healthy(timedelta(minutes=10))
        bench.queue.add(ref("a"))
        await asyncio.sleep(599)
        assert bench.queue.is_healthy(timedelta(minutes=10))
        await asyncio.sleep(2)
        assert not bench.queue.is_healthy(timedelta(minutes=10))
        await asyncio.sleep(100)
        assert bench.queue.is_healthy(timedelta(minutes=10))

    scene(play, takes=650.0)


def test_health_needs_living_tasks() -> None:
    async def main() -> None:
        bench = Bench()
        assert not bench.queue.is_healthy(timedelta(minutes=10))
        bench.queue.start()
        await bench.queue.close()
        assert not bench.queue.is_healthy(timedelta(minutes=10))

    run(main())


NAMES = st.sampled_from("abcdef")
MOVES = st.one_of(
    st.tuples(st.just("put"), NAMES, st.booleans()),
    st.tuples(st.just("hear"), NAMES, st.booleans()),
    st.tuples(st.just("at"), NAMES, st.floats(-5, 120)),
    st.tuples(st.just("sleep"), st.floats(0, 30), st.none()),
    st.tuples(st.just("fail"), NAMES, st.integers(1, 4)),
    st.tuples(st.just("jump"), st.floats(-100, 100), st.none()),
)


@given(st.lists(MOVES, max_size=40), st.integers(1, 4), st.floats(0, 3))
def test_whatever_happens_every_put_is_followed_by_a_run(
    moves: list[tuple[str, object, object]], workers: int, takes: float
) -> None:
    """After any history, each ref that was put ran again at or after its last put, and all goes quiet."""

    async def main() -> None:
        bench = Bench(takes=takes, workers=workers)
        bench.queue.start()
        last: dict[str, float] = {}
        for move, what, detail in moves:
            if move == "put":
                last[str(what)] = bench.world.elapsed()
                bench.queue.add(ref(str(what)), Priority(2 if detail else 0))
            elif move == "hear":
                last[str(what)] = bench.world.elapsed()
                bench.queue.add_if_news(ref(str(what)), lambda: True, Priority(2 if detail else 0))
            elif move == "at":
                when = bench.world.now() + timedelta(seconds=float(str(detail)))
                bench.queue.add_at(ref(str(what)), when)
            elif move == "fail":
                bench.answers[str(what)] += [Trouble() for _ in range(int(str(detail)))]
            elif move == "jump":
                bench.world.jump(timedelta(seconds=float(str(what))))
            else:
                await asyncio.sleep(float(str(what)))
        await asyncio.sleep(3600)
        worked: dict[str, float] = {name: when for when, name in bench.diary}
        for name, put_at in last.items():
            assert worked.get(name, -1.0) >= round(put_at, 3) - 0.001
        runs = len(bench.diary)
        await asyncio.sleep(3600)
        assert len(bench.diary) == runs
        assert bench.most <= workers
        assert bench.queue.is_healthy(timedelta(minutes=1))
        await bench.queue.close()

    run(main())
