"""A clock in doubt moves no key by time and stamps no witness; repair goes on."""

from datetime import timedelta

from fakes.faults import SkewDate
from jwks_operator.kube.client import CONFIGMAPS
from reconcile.life import REF, START, Life

TWO_HOURS = timedelta(hours=2)


def _off_by(life: Life, skew: timedelta) -> None:
    """From now on the API server's clock differs from the operator's by this much."""
    life.start_operator(SkewDate(skew, times=1_000_000))


async def test_a_clock_two_hours_off_rotates_nothing_until_it_is_right() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    before = await life.states()
    _off_by(life, -TWO_HOURS)
    wake = await life.after(timedelta(hours=720))
    assert await life.states() == before
    assert await life.condition("Degraded") == ("True", "ClockUncertain")
    assert wake == life.time.now + timedelta(seconds=30)
    life.start_operator()
    await life.pass_()
    assert (await life.states())["Active"] == before["Pending"]
    assert await life.condition("Degraded") == ("False", "AsExpected")


async def test_a_clock_in_doubt_with_nothing_due_is_nobodys_concern() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    _off_by(life, TWO_HOURS)
    await life.after(timedelta(hours=1))
    assert life.writes() == []


async def test_repair_goes_on_under_a_clock_in_doubt_but_its_time_is_taken_later() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    life.time.pass_by(timedelta(hours=719))
    _off_by(life, TWO_HOURS)
    await life.delete(CONFIGMAPS, REF.name)
    await life.pass_()
    assert len(await life.published()) == 2
    pending = next(d for d in (await life.keyring()).values() if d.get("state") == "Pending")
    assert "published" not in pending
    life.writes()
    await life.after(timedelta(minutes=1))
    assert life.writes() == [], "an unfinished step under a clock in doubt writes nothing again"
    life.start_operator()
    await life.after(timedelta(hours=1))
    states = await life.states()
    assert states["Pending"] == [pending["kid"]], "the lead counts from the first time that could be trusted"
    await life.after(timedelta(minutes=70))
    assert (await life.states())["Active"] == [pending["kid"]]


async def test_a_set_created_under_a_clock_in_doubt_has_its_keys_at_once() -> None:
    life = Life()
    await life.begin()
    _off_by(life, TWO_HOURS)
    await life.pass_()
    assert await life.in_use() in await life.published()
    assert await life.condition("Rotating") == ("True", "StepInProgress")
    life.start_operator()
    await life.pass_()
    assert await life.condition("Ready") == ("True", "KeysInUse")
    assert await life.condition("Rotating") == ("False", "NothingDue")


async def test_a_clock_that_steps_forward_compresses_no_wait() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    pending = (await life.states())["Pending"]
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.after(timedelta(minutes=1))
    life.time.now += TWO_HOURS  # wall clocks of operator and API server step, the monotonic one does not
    await life.pass_()
    for _ in range(8):
        await life.after(timedelta(seconds=30))
    assert (await life.states())["Pending"] == pending
    await life.after(timedelta(minutes=60))
    assert (await life.states())["Pending"] == pending
    await life.after(timedelta(minutes=15))
    assert (await life.states())["Active"] == pending


async def test_what_one_operator_knows_of_a_step_is_written_down_for_the_next_one() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    pending = (await life.states())["Pending"]
    await life.annotate(rotate=f"signing@{life.time.now.isoformat()}")
    await life.after(timedelta(minutes=1))
    life.time.now += TWO_HOURS
    life.writes()
    for _ in range(8):
        await life.after(timedelta(seconds=30))
    told = "PATCH jsonwebkeysets/auth/status"
    step = ["PUT secrets/auth-keyring", "PUT secrets/auth-keyring", told]
    assert life.writes() == [told, *step], "the doubt is told, and one step writes every witness anew"
    life.start_operator()
    await life.after(timedelta(minutes=60))
    assert (await life.states())["Pending"] == pending
    await life.after(timedelta(minutes=15))
    assert (await life.states())["Active"] == pending


async def test_a_leader_whose_clock_is_ahead_looks_again_when_a_wait_is_over_and_not_before() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    life.start_operator(SkewDate(timedelta(seconds=-40), times=1_000_000))
    first = await life.states()
    wake = await life.after(timedelta(minutes=1))
    passes = 0
    while (await life.states())["Active"] == first["Active"]:
        assert wake is not None
        passes += 1
        wake = await life.after(wake - life.time.now)
    late = life.time.now - (START + timedelta(hours=720))
    assert timedelta(seconds=40) <= late <= timedelta(seconds=43), "it waits for the API server's clock"
    assert passes <= 3, "and looks at it hardly more often than once"
