"""SafetyFields and refusals: suspend, hold, roll back, revoke, and specs that fail their checks."""

from core.rows import (
    FIRST,
    At,
    Row,
    all_of,
    annotate,
    doubt,
    edit,
    entries,
    play,
    row,
    table,
    trust,
    with_rotation,
    with_timing,
    write_nonsense,
)

RSA = entries(signing="RS256")
RSA_SMALL = entries(signing={"algorithm": "RS256", "modulusLength": 2048})
TWO = entries(signing="ES256", other="ES256")
DAILY = with_rotation(every="24h")
FORGOTTEN = "signing: k2 Active, k3 Pending, k1 Retired without private half"
ROTATED = "signing: k2 Active, k3 Pending, k1 Retired"
LATE = with_rotation(every="24h", prepublish="OnSchedule")
CHANGED = "signing: k1 Active, k3 Pending"


@table(
    row(
        "suspend withholds scheduled rotations until it is lifted",
        At("720h-1s", edit({**entries(signing="ES256"), "suspend": True}), FIRST, rotating="False Suspended"),
        At("800h", None, FIRST),
        At("900h", edit(entries(signing="ES256")), "signing: k2 Active, k3 Pending, k1 Retired"),
    ),
    row(
        "suspend withholds requested rotations and emergencies",
        At("2h", all_of(edit({**DAILY, "suspend": True}), annotate("signing@2026-03-02T13:00:00Z!")), FIRST),
        At("60h", None, FIRST),
        spec=DAILY,
    ),
    row(
        "suspend lets retired keys expire",
        At("24h", None, "signing: k2 Active, k3 Pending, k1 Retired"),
        At("24h30m", edit({**DAILY, "suspend": True}), "signing: k2 Active, k3 Pending, k1 Retired"),
        At("25h10m", None, "signing: k2 Active, k3 Pending"),
        spec=DAILY,
    ),
    row(
        "a set created suspended has a key to use and no successor",
        At("0s", None, "signing: k1 Active", ready="True KeysInUse", rotating="False Suspended"),
        At("900h", edit(entries(signing="ES256")), FIRST, "Activate signing 901h10m"),
        spec={**entries(signing="ES256"), "suspend": True},
    ),
    *(
        row(
            f"{why} keeps the old spec in force",
            At("23h", edit(bad), FIRST, "Activate signing 24h", "True KeysInUse", f"True {reason}"),
            At("24h", None, "signing: k2 Active, k3 Pending, k1 Retired", degraded=f"True {reason}"),
            At(
                "47h",
                edit(DAILY),
                "signing: k2 Active, k3 Pending",
                "Activate signing 48h",
                degraded="False AsExpected",
            ),
            spec=DAILY,
        )
        for why, bad, reason in (
            ("a schedule that cannot be read", with_rotation(schedule="0 3 * * 5-1"), "InvalidSchedule"),
            ("a schedule that never fires", with_rotation(schedule="0 0 31 2 *"), "InvalidSchedule"),
            (
                "an unknown time zone",
                with_rotation(schedule="0 3 * * *", timeZone="Europe/Atlantis"),
                "InvalidSchedule",
            ),
            ("an interval shorter than the lead", with_rotation(every="1h"), "IntervalTooShort"),
            ("a cron interval shorter than the lead", with_rotation(schedule="*/30 * * * *"), "IntervalTooShort"),
            (
                "facts that make the interval too short",
                with_timing(DAILY, verifierRefresh="24h"),
                "IntervalTooShort",
            ),
            (
                "more keys than may be published",
                with_timing(DAILY, tokenLifetime="1000h"),
                "TooManyKeys",
            ),
        )
    ),
    row(
        "a spec that cannot be parsed keeps the old one in force",
        At("23h", write_nonsense, FIRST, degraded="True InvalidSpec"),
        At("24h", None, "signing: k2 Active, k3 Pending, k1 Retired"),
        spec=DAILY,
    ),
    row(
        "the safety_fields of a spec that fails its checks hold",
        At(
            "23h",
            edit({**with_rotation(every="1h"), "suspend": True, "held": ["k1"]}),
            FIRST,
            degraded="True IntervalTooShort",
        ),
        At("30h", None, FIRST, rotating="False Suspended"),
        At("31h", edit({**DAILY, "held": ["k1"]}), "signing: k2 Active, k3 Pending, k1 Retired"),
        At("54h", None, "signing: k2 Active, k3 Pending, k1 Retired without private half"),
        spec=DAILY,
    ),
    row(
        "a first spec that fails its checks makes nothing",
        At("0s", None, "", ready="False IntervalTooShort", degraded="True IntervalTooShort"),
        At("1h", edit(DAILY), FIRST, ready="True KeysInUse"),
        spec=with_rotation(every="1h"),
    ),
)
def test_brakes_and_bad_specs(told: Row) -> None:
    play(told)


@table(
    row(
        "a roll-back puts the former key in use again and the later one is retired",
        At("24h", None, ROTATED),
        At("25h", annotate(rollback="signing@2026-03-03T13:00:00Z"), "signing: k1 Active, k3 Pending, k2 Retired"),
        At("26h10m-1s", None, "signing: k1 Active, k3 Pending, k2 Retired"),
        At("26h10m", None, "signing: k1 Active, k3 Pending", "Activate signing 49h"),
        spec=DAILY,
    ),
    row(
        "a roll-back waits for its time",
        At("24h", annotate(rollback="signing@2026-03-03T12:30:00Z"), ROTATED, "RollBack signing 24h30m"),
        At("24h30m-1s", None, ROTATED),
        At("24h30m", None, "signing: k1 Active, k3 Pending, k2 Retired"),
        spec=DAILY,
    ),
    row(
        "a roll-back is refused, once, when the former private half is gone",
        At("24h30m", None, FORGOTTEN),
        At(
            "25h",
            annotate(rollback="signing@2026-03-03T13:00:00Z"),
            "signing: k2 Active, k3 Pending, k1 Retired without private half",
        ),
        At("26h", None, "signing: k2 Active, k3 Pending"),
        spec=with_rotation(every="24h", rollbackWindow="30m"),
    ),
    row(
        "an annotation holds a key like the spec does",
        At("24h", annotate(hold="k1"), ROTATED),
        At("40h", None, "signing: k2 Active, k3 Pending, k1 Retired without private half"),
        At("41h", annotate(), "signing: k2 Active, k3 Pending"),
        spec=DAILY,
    ),
    row(
        "a revoked key in use leaves at once and the standby takes over, whatever the lead",
        At("10m", annotate(revoke="k1"), "signing: k2 Active, k3 Pending", ready="True KeysInUse"),
    ),
    row(
        "a revoked standby leaves and another comes",
        At("10m", annotate(revoke="k2"), "signing: k1 Active, k3 Pending"),
    ),
    row(
        "revocation beats hold, suspend and a clock in doubt",
        At("10m", doubt, "signing: k1 Active"),
        At("11m", annotate(revoke="k1", hold="k1"), "signing: k2 Active, k1 Compromised without private half"),
        At("12m", trust, "signing: k2 Active", rotating="False Suspended"),
        At("13m", edit(entries(signing="ES256")), "signing: k2 Active, k3 Pending"),
        spec={**entries(signing="ES256"), "suspend": True, "held": ["k1"]},
    ),
    row(
        "every key in use and waiting can be revoked at once",
        At("10m", annotate(revoke="k1, k2"), "signing: k3 Active, k4 Pending", ready="True KeysInUse"),
    ),
)
def test_by_hand(told: Row) -> None:
    play(told)
