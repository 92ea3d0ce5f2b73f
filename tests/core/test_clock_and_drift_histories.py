"""Clocks in doubt, clocks that step, and objects that somebody loses, edits or takes; around each mark."""

from typing import Any

from core.history import History
from core.rows import (
    FIRST,
    Act,
    At,
    OldSecret,
    Row,
    all_of,
    annotate,
    doubt,
    edit,
    edit_configmap,
    entries,
    give_name_back,
    hand_over,
    led_by,
    lose_configmap,
    lose_secret,
    play,
    row,
    settle,
    step_clock,
    strip_labels,
    table,
    take_name,
    trust,
    with_rotation,
)
from jwks_operator.core.outputs.consumer_secret import Item

DAILY = with_rotation(every="24h")
LATE = with_rotation(every="24h", prepublish="OnSchedule")
ROTATED = "signing: k2 Active, k3 Pending, k1 Retired"
ALONE = "signing: k2 Active, k1 Retired"


@table(
    row(
        "a clock in doubt stops the rotation that is due",
        At("24h-1s", doubt, FIRST, degraded="False AsExpected"),
        At("24h", None, FIRST, degraded="True ClockUncertain"),
        At("30h", None, FIRST),
        At("31h", trust, ROTATED, degraded="False AsExpected"),
        spec=DAILY,
    ),
    row(
        "a clock in doubt stops removal by time",
        At("24h", None, ALONE),
        At("25h", doubt),
        At("48h-1s", None, ALONE, degraded="True ClockUncertain"),
        At("48h-1s", trust, "signing: k2 Active, k3 Pending"),
        spec=LATE,
    ),
    row(
        "a clock in doubt stops a change of spec and of algorithm",
        At("2h", all_of(doubt, edit(entries(signing="RS256"))), FIRST),
        At("3h", trust, "signing: k1 Active, k3 Pending"),
    ),
    row(
        "repair goes on under a clock in doubt and its wait begins when the clock is trusted",
        At("23h", doubt),
        At("23h30m", lose_configmap, FIRST, degraded="True ClockUncertain", rotating="True StepInProgress"),
        At("24h", None, FIRST),
        At("26h", trust, FIRST, "Activate signing 27h10m"),
        At("27h10m-1s", None, FIRST),
        At("27h10m", None, ROTATED),
        spec=DAILY,
    ),
    row(
        "a clock that stepped forward counts every running wait from the step",
        At("10m", annotate("signing@2026-03-02T12:10:00Z"), FIRST, "Activate signing 1h10m"),
        At("20m", step_clock("5h"), FIRST),
        At("30m", settle, FIRST, "Activate signing 6h40m"),  # as the clock reads: 1h10m after 5h30m
        At("1h40m-1s", None, FIRST),
        At("1h40m", None, ROTATED),
    ),
    row(
        "a clock that stepped forward counts retention from the step",
        At("24h", None, ALONE),
        At("24h10m", step_clock("3h"), ALONE),
        At("24h20m", settle, ALONE),
        At("25h30m-1s", None, ALONE),
        At("25h30m", None, "signing: k2 Active"),
        spec=LATE,
    ),
    row(
        "a clock that stepped forward counts a floor from the step",
        At("10h", edit({**LATE, "timing": {"verifierRefresh": "1m"}}), "signing: k1 Active"),
        At("10h1m", step_clock("5h"), "signing: k1 Active"),
        At("10h2m", all_of(settle, annotate("signing@2026-03-02T12:00:00Z")), FIRST),
        At("13h2m-1s", None, FIRST),
        At("13h2m", None, ALONE),
        spec={**LATE, "timing": {"verifierRefresh": "2h50m"}},
    ),
    row(
        "witnesses in the future restart at now, those of the key in use as well",
        At("24h", None, ALONE),
        At("24h10m", step_clock("-3h"), ALONE),
        At("24h20m", settle, ALONE, "Destroy signing 22h30m"),  # as the clock reads
        At("25h30m-1s", None, ALONE),
        At("25h30m", None, "signing: k2 Active"),
        At("48h20m-1s", None, FIRST.replace("k2", "k3").replace("k1", "k2")),
        At("48h20m", None, "signing: k3 Active, k2 Retired"),
        spec=LATE,
    ),
    row(
        "a leader that is behind stamps the API server's time, one that is ahead waits for it",
        At("1h", led_by("-30s")),
        At("2h", lose_configmap, FIRST),
        At("2h1m", all_of(led_by("30s"), annotate("signing@2026-03-02T12:10:00Z")), FIRST),
        At("3h10m-1s", None, FIRST),
        At("3h10m+2s", None, "signing: k2 Active, k3 Pending, k1 Retired"),
    ),
    row(
        "retention waits for the API server's time, whoever leads",
        At("23h", led_by("-30s"), FIRST),
        At("24h", None, FIRST),
        At("24h+40s", None, ALONE),
        At("25h", led_by("50s"), ALONE),
        At("25h10m+20s", None, ALONE),
        At("25h11m", None, "signing: k2 Active"),
        spec=LATE,
    ),
    row(
        "a stamp of a leader that was ahead is taken back by the next one, which comes to rest",
        At("24h", led_by("30s"), ALONE),
        At("24h+3s", led_by("0s"), ALONE, "Destroy signing 25h10m+3s"),
        At("25h10m+2s", None, ALONE),
        At("25h10m+3s", None, "signing: k2 Active"),
        spec=LATE,
    ),
    row(
        "what one leader knows of a step the next one knows too",
        At("10m", annotate("signing@2026-03-02T12:10:00Z"), FIRST, "Activate signing 1h10m"),
        At("20m", step_clock("5h"), FIRST),
        At("30m", settle, FIRST),
        At("31m", hand_over, FIRST, "Activate signing 6h40m"),  # as the clock reads: 1h10m after 5h30m
        At("1h40m-1s", None, FIRST),
        At("1h40m", None, ROTATED),
    ),
    row(
        "a floor that a step would have jumped over is known to the next leader",
        At("10h", edit({**LATE, "timing": {"verifierRefresh": "1m"}}), "signing: k1 Active"),
        At("10h1m", step_clock("5h"), "signing: k1 Active"),
        At("10h2m", settle),
        At("10h3m", all_of(hand_over, annotate("signing@2026-03-02T12:00:00Z")), FIRST),
        At("13h2m-1s", None, FIRST),
        At("13h2m", None, ALONE),
        spec={**LATE, "timing": {"verifierRefresh": "2h50m"}},
    ),
    row(
        "a new leader whose clock is a little behind comes to rest",
        At("1s", step_clock("-30s")),
        At("2s", trust, FIRST),
    ),
)
def test_clocks(told: Row) -> None:
    play(told)


def drifts(name: str, act: Act, *moments: At, spec: Any = DAILY) -> Row:
    """A drift half an hour before, or half an hour after, the rotation at 24h."""
    return row(name, At("23h30m", act, FIRST) if "before" in name else At("24h30m", act, ROTATED), *moments, spec=spec)


def put_back_first_key(history: History) -> None:
    old = OldSecret()
    old.save(history)
    old.kept = {
        name: Item(item.form, ("k1",) if item.kids else (), item.text.replace("k2", "k1"))
        for name, item in old.kept.items()
    }
    old.restore(history)


@table(
    *(
        drifts(
            f"a ConfigMap that is {how} before the rotation is rebuilt and the wait of the standby begins anew",
            act,
            At("24h40m-1s", None, FIRST),
            At("24h40m", None, ROTATED),
        )
        for how, act in (("lost", lose_configmap), ("edited", edit_configmap))
    ),
    drifts(
        "a ConfigMap that is lost after the rotation does not lengthen retention",
        lose_configmap,
        At("25h10m", None, "signing: k2 Active, k3 Pending"),
        At("48h", None, "signing: k3 Active, k4 Pending, k2 Retired"),
    ),
    drifts(
        "a Secret that is lost before the rotation is rebuilt and nothing waits for it",
        lose_secret,
        At("24h", None, ROTATED),
    ),
    drifts(
        "a Secret that is lost after the rotation is rebuilt and retention begins anew",
        lose_secret,
        At("25h40m-1s", None, ROTATED),
        At("25h40m", None, "signing: k2 Active, k3 Pending"),
    ),
    drifts(
        "stripped labels are put back before the rotation and no wait begins anew",
        strip_labels,
        At("24h", None, ROTATED),
        At("25h10m", None, "signing: k2 Active, k3 Pending"),
    ),
    drifts(
        "a foreign ConfigMap before the rotation stops everything",
        take_name,
        At("23h40m", None, FIRST, ready="False NameConflict", degraded="True NameConflict"),
        At("25h", None, FIRST),
        At("26h", give_name_back, FIRST, "Activate signing 27h10m", "True KeysInUse", "False AsExpected"),
        At("27h10m", None, ROTATED),
    ),
    row(
        "a retired key that somebody put back in use keeps its retention from the repair",
        At("24h", None, ROTATED),
        At("25h", put_back_first_key, ROTATED, "Destroy signing 26h10m"),
        At("26h10m-1s", None, ROTATED),
        At("26h10m", None, "signing: k2 Active, k3 Pending"),
        spec=DAILY,
    ),
    row(
        "both objects lost at once are rebuilt at once",
        At("2h", all_of(lose_configmap, lose_secret), FIRST, ready="True KeysInUse", degraded="False AsExpected"),
    ),
)
def test_drift(told: Row) -> None:
    play(told)
