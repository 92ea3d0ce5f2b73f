"""The life of a set from its creation through a rotation, counted in writes."""

from datetime import timedelta

from reconcile.life import Life


async def test_a_new_set_is_ready_after_five_writes_and_then_the_operator_is_quiet() -> None:
    life = Life()
    await life.begin()
    wake = await life.pass_()
    assert life.writes() == [
        "POST secrets",
        "POST configmaps",
        "POST secrets",
        "PUT secrets/auth-keyring",
        "PATCH jsonwebkeysets/auth/status",
    ]
    assert await life.condition("Ready") == ("True", "KeysInUse")
    states = await life.states()
    assert sorted(states) == ["Active", "Pending"]
    assert await life.published() == [*states["Active"], *states["Pending"]] or sorted(
        await life.published()
    ) == sorted([*states["Active"], *states["Pending"]])
    assert await life.in_use() == states["Active"][0]
    assert wake == life.time.now + timedelta(hours=720)
    for hours in (1, 24, 24 * 7):
        await life.after(timedelta(hours=hours))
    assert life.writes() == []


async def test_a_step_costs_four_writes_at_most_and_a_pass_one_status() -> None:
    life = Life()
    await life.begin()
    await life.pass_()
    first = await life.states()
    life.writes()
    await life.after(timedelta(hours=720))
    both = ["PUT configmaps/auth", "PUT secrets/auth"]  # the published set begins with the active key
    activate = ["PUT secrets/auth-keyring", *both, "PUT secrets/auth-keyring"]
    publish = ["PUT secrets/auth-keyring", "PUT configmaps/auth", "PUT secrets/auth-keyring"]
    status = ["PATCH jsonwebkeysets/auth/status"]
    assert life.writes() == activate + publish + status
    second = await life.states()
    assert second["Active"] == first["Pending"]
    assert second["Retired"] == first["Active"]
    assert await life.in_use() == first["Pending"][0]
    await life.after(timedelta(minutes=70))
    assert life.writes() == publish + status
    assert "Retired" not in await life.states()
    assert first["Active"][0] not in await life.published()
