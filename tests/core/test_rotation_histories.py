"""Rotation in its ordinary course: bootstrap, schedules, requests, emergencies; before, on and after each mark.

With the default facts lead is 1h10m, retention is 1h10m as well (1h6m derived, but at least the roll-back
window, which is one lead).
"""

from datetime import UTC, datetime
from typing import Any

from core.rows import FIRST, At, Row, annotate, edit, entries, play, row, table, with_rotation, with_timing

ROTATED = "signing: k2 Active, k3 Pending, k1 Retired"
DONE = "signing: k2 Active, k3 Pending"
AT_NOON = "signing@2026-03-03T12:00:00Z"  # 24h after the start
FORGET = with_rotation(every="24h", rollbackWindow="30m")
NIGHTLY = with_rotation(every="24h", windows=[{"schedule": "0 2 * * *", "duration": "2h"}])
FROZEN = with_rotation(every="24h", freezes=[{"from": "2026-03-04T00:00:00Z", "to": "2026-03-04T12:00:00Z"}])
HELD = {**with_rotation(every="24h", rollbackWindow="30m"), "held": ["k1"]}


@table(
    row(
        "a new set uses its first key at once and publishes the standby",
        At("0s", None, FIRST, "Activate signing 720h", "True KeysInUse", "False AsExpected", "False NothingDue"),
        At("1h10m", None, FIRST, rotating="False NothingDue"),
    ),
    row(
        "the standby takes over when the key is due and the next one is published at once",
        At("720h-1s", None, FIRST),
        At("720h", None, ROTATED, "Destroy signing 721h10m"),
        At("720h+1s", None, ROTATED),
        At("721h10m-1s", None, ROTATED),
        At("721h10m", None, DONE, "Activate signing 1440h"),
        At("1440h-1s", None, DONE),
        At("1440h", None, "signing: k3 Active, k4 Pending, k2 Retired"),
    ),
    row(
        "a retired key loses its private half after the roll-back window and its public one after retention",
        At("24h", None, ROTATED, "DestroyPrivateHalf signing 24h30m"),
        At("24h30m-1s", None, ROTATED),
        At("24h30m", None, ROTATED + " without private half", "Destroy signing 25h6m"),
        At("25h6m-1s", None, ROTATED + " without private half"),
        At("25h6m", None, DONE),
        spec=FORGET,
    ),
    row(
        "a held key stays published and everything else goes on",
        At("24h30m", None, ROTATED + " without private half", "Activate signing 48h"),
        At("47h", None, ROTATED + " without private half"),
        At("47h30m", edit(FORGET), DONE),
        spec=HELD,
    ),
    row(
        "a window that was missed is waited for again",
        At("24h", None, FIRST, "Activate signing 38h"),
        At("40h", None, FIRST, "Activate signing 62h", down=True),
        At("62h-1s", None, FIRST),
        At("62h", None, ROTATED),
        spec=NIGHTLY,
    ),
    row(
        "what suspend held back beyond its window waits for the next one",
        At("37h", edit({**NIGHTLY, "suspend": True}), FIRST),
        At("45h", edit(NIGHTLY), FIRST, "Activate signing 62h"),
        At("62h", None, ROTATED),
        spec=NIGHTLY,
    ),
    row(
        "a rotation that was due before a freeze and missed waits until its end",
        At("23h", None, FIRST, "Activate signing 24h"),
        At("40h", None, FIRST, "Activate signing 48h", down=True),
        At("48h-1s", None, FIRST),
        At("48h", None, ROTATED),
        spec=FROZEN,
    ),
    row(
        "an emergency waits for no window",
        At("0s", None, FIRST),
        At("45h", annotate("signing@2026-03-04T08:00:00Z!"), "signing: k2 Active, k3 Pending, k1 Retired", down=True),
        spec=NIGHTLY,
    ),
    row(
        "an emergency waits for no window and for no publication in advance",
        At("10h", annotate("signing@2026-03-02T22:00:00Z!"), "signing: k2 Active, k1 Retired"),
        spec={**NIGHTLY, "rotation": {**NIGHTLY["rotation"], "prepublish": "OnSchedule"}},
    ),
    row(
        "an emergency waits for the end of no freeze",
        At("37h", annotate("signing@2026-03-04T01:00:00Z!"), "signing: k2 Active, k1 Retired"),
        spec={**FROZEN, "rotation": {**FROZEN["rotation"], "every": "720h", "prepublish": "OnSchedule"}},
    ),
    row(
        "on schedule the successor is published one lead before it is due",
        At("0s", None, "signing: k1 Active", "Publish signing 22h50m"),
        At("22h50m-1s", None, "signing: k1 Active", rotating="False NothingDue"),
        At("22h50m", None, FIRST, "Activate signing 24h"),
        At("24h-1s", None, FIRST),
        At("24h", None, "signing: k2 Active, k1 Retired"),
        spec=with_rotation(every="24h", prepublish="OnSchedule"),
    ),
    row(
        "an operator that was down while the successor was due to be published still waits the whole lead",
        At("0s", None, "signing: k1 Active"),
        At("200h", None, FIRST, "Activate signing 201h10m", rotating="True NextKeyPublished", down=True),
        At("201h10m-1s", None, FIRST),
        At("201h10m", None, "signing: k2 Active, k1 Retired"),
        spec=with_rotation(every="24h", prepublish="OnSchedule"),
    ),
    row(
        "an operator that was down for a week rotates once and compresses no wait",
        At("0s", None, FIRST),
        At("168h", None, ROTATED, "Destroy signing 169h10m", down=True),
        At("169h10m-1s", None, ROTATED),
        At("169h10m", None, DONE, "Activate signing 192h"),
        At("192h", None, "signing: k3 Active, k4 Pending, k2 Retired"),
        spec=with_rotation(every="24h"),
    ),
    row(
        "an overdue standby that was just published waits its lead",
        At("0s", None, FIRST, "Activate signing 1h10m"),
        At("1h10m", None, ROTATED),
        At("2h20m-1s", None, ROTATED),
        At("2h20m", None, "signing: k3 Active, k4 Pending, k2 Retired"),
        spec=with_rotation(every="1h10m"),
    ),
    row(
        "a manual set rotates only when asked to",
        At("0s", None, FIRST, "-"),
        At("9000h", None, FIRST, "-"),
        At("9001h", annotate(AT_NOON), ROTATED),
        spec=with_rotation(policy="Manual", every="24h"),
    ),
    row(
        "an entry with a rotation of its own does not follow that of the set",
        At("0s", None, "fast: k1 Active, k2 Pending; slow: k3 Active, k4 Pending", "Activate fast 24h"),
        At("24h", None, "fast: k2 Active, k5 Pending, k1 Retired; slow: k3 Active, k4 Pending"),
        At("48h", None, "fast: k5 Active, k6 Pending, k2 Retired; slow: k3 Active, k4 Pending"),
        spec=entries(fast={"algorithm": "ES256", "rotation": {"every": "24h"}}, slow="RS256"),
    ),
    row(
        "two entries due at once change in one step",
        At("24h-1s", None, "a: k1 Active, k2 Pending; b: k3 Active, k4 Pending"),
        At("24h", None, "a: k2 Active, k5 Pending, k1 Retired; b: k4 Active, k6 Pending, k3 Retired"),
        At("25h10m", None, "a: k2 Active, k5 Pending; b: k4 Active, k6 Pending"),
        spec={**entries(a="ES256", b="ES256"), "rotation": {"every": "24h"}},
    ),
    row(
        "a stated lead and retention lengthen what is derived",
        At("0s", None, "signing: k1 Active", "Publish signing 21h"),
        At("21h", None, FIRST, "Activate signing 24h"),
        At("24h-1s", None, FIRST),
        At("24h", None, "signing: k2 Active, k1 Retired", "DestroyPrivateHalf signing 27h"),
        At("27h", None, "signing: k2 Active, k1 Retired without private half", "Destroy signing 29h"),
        At("29h-1s", None, "signing: k2 Active, k1 Retired without private half"),
        At("29h", None, "signing: k2 Active"),
        spec=with_timing(with_rotation(every="24h", prepublish="OnSchedule"), lead="3h", retention="5h"),
    ),
)
def test_in_its_ordinary_course(told: Row) -> None:
    play(told)


@table(
    row(
        "a request before its time waits for it",
        At("1h", annotate(AT_NOON), FIRST, "Activate signing 24h"),
        At("24h-1s", None, FIRST),
        At("24h", None, ROTATED),
        At("743h", None, DONE),
        At("744h", None, "signing: k3 Active, k4 Pending, k2 Retired"),
    ),
    row("a request at its time is honoured at once", At("24h", annotate(AT_NOON), ROTATED)),
    row("a request after its time is honoured at once", At("100h", annotate(AT_NOON), ROTATED)),
    row(
        "a request on a fresh standby waits for the lead",
        At(
            "10m",
            annotate("signing@2026-03-02T12:10:00Z"),
            FIRST,
            "Activate signing 1h10m",
            rotating="True NextKeyPublished",
        ),
        At("1h10m-1s", None, FIRST),
        At("1h10m", None, ROTATED, rotating="False NothingDue"),
    ),
    row(
        "a repeated annotation is honoured once",
        At("24h", annotate(AT_NOON), ROTATED),
        At("26h", annotate(AT_NOON), DONE),
        At("27h", annotate(""), DONE),
        At("28h", annotate(AT_NOON), DONE, "Activate signing 744h"),
    ),
    row(
        "a second request with a later time is honoured again",
        At("24h", annotate(AT_NOON), ROTATED),
        At("30h", annotate("signing@2026-03-03T18:00:00Z"), "signing: k3 Active, k4 Pending, k2 Retired"),
    ),
    row(
        "a request names its own zone",
        At("1h", annotate("signing@2026-03-03T13:00:00+01:00"), FIRST, "Activate signing 24h"),
        At("24h", None, ROTATED),
    ),
    row(
        "a request for an entry that is not there is told and nothing moves",
        At("24h", annotate("other@2026-03-03T12:00:00Z"), FIRST, degraded="True InvalidRequest"),
        At("25h", annotate(""), FIRST, degraded="False AsExpected"),
    ),
    row(
        "a readable part of an annotation counts although another is not",
        At("24h", annotate(f"signing@yesterday, {AT_NOON}"), ROTATED, degraded="True InvalidRequest"),
    ),
    *(
        row(f"{text or 'nothing'} is no request", At("24h", annotate(text), FIRST, degraded="True InvalidRequest"))
        for text in (
            "signing",
            "@2026-03-03T12:00:00Z",
            "signing@2026-03-03T12:00:00",
            "signing@",
            "signing@2026-03-03T12:00:00Z!!",
            "signing@0001-01-01T00:00:00+05:00",
            "signing@9999-12-31T23:59:59-05:00",
        )
    ),
    row(
        "two requests for one entry are two rotations while the second is to come",
        At("24h", annotate(f"signing@2026-03-04T12:00:00Z, {AT_NOON}"), ROTATED, "Destroy signing 25h10m"),
        At("48h-1s", None, DONE, "Activate signing 48h"),
        At("48h", None, "signing: k3 Active, k4 Pending, k2 Retired"),
    ),
    row(
        "two requests whose time has passed are one rotation",
        At("49h", annotate(f"signing@2026-03-04T12:00:00Z, {AT_NOON}"), ROTATED),
        At("52h", None, DONE, "Activate signing 769h"),
    ),
    row(
        "an emergency among requests is not hidden by the others",
        At("20m", annotate("signing@2026-03-02T12:10:00Z, signing@2026-03-02T12:20:00Z!"), ROTATED),
    ),
    row(
        "an emergency skips the lead",
        At("10m-1s", None, FIRST),
        At("10m", annotate("signing@2026-03-02T12:10:00Z!"), ROTATED),
    ),
    row(
        "an emergency with a time to come waits for that time only",
        At("1m", annotate("signing@2026-03-02T12:10:00Z!"), FIRST, "Activate signing 10m"),
        At("10m-1s", None, FIRST),
        At("10m", None, ROTATED),
    ),
    row(
        "an emergency with a time to come does not hide the schedule",
        At("0s", annotate("signing@2026-05-02T12:00:00Z!"), FIRST, "Activate signing 720h"),
        At("720h", None, ROTATED),
    ),
    row(
        "an emergency without a standby uses a new key as soon as it is published",
        At("10m", annotate("signing@2026-03-02T12:10:00Z!"), "signing: k2 Active, k1 Retired"),
        spec=with_rotation(every="24h", prepublish="OnSchedule"),
    ),
    row(
        "on schedule a request publishes the successor one lead ahead",
        At("1h", annotate(AT_NOON), "signing: k1 Active", "Publish signing 22h50m"),
        At("22h50m", None, FIRST, "Activate signing 24h"),
        At("24h", None, "signing: k2 Active, k1 Retired"),
        spec=with_rotation(policy="Manual", prepublish="OnSchedule"),
    ),
)
def test_when_asked_to(told: Row) -> None:
    play(told)


def cron(schedule: str, zone: str = "UTC") -> dict[str, Any]:
    return with_rotation(schedule=schedule, timeZone=zone)


@table(
    row(
        "cron without a zone is in UTC",
        At("0s", None, FIRST, "Activate signing 15h"),
        At("15h-1s", None, FIRST),
        At("15h", None, ROTATED),
        spec=cron("0 3 * * *"),
    ),
    row(
        "a time in the gap of daylight saving fires right after it",
        At("0s", None, FIRST, "Activate signing 13h"),
        At("13h-1s", None, FIRST),
        At("13h", None, ROTATED, "Destroy signing 14h10m"),
        At("36h30m-1s", None, DONE),
        At("36h30m", None, "signing: k3 Active, k4 Pending, k2 Retired"),
        spec=cron("30 2 * * *", "Europe/Berlin"),
        start=datetime(2026, 3, 28, 12, tzinfo=UTC),
    ),
    row(
        "a time in the overlap of daylight saving fires once",
        At("0s", None, FIRST, "Activate signing 12h30m"),
        At("12h30m", None, ROTATED),
        At("13h30m", None, ROTATED),
        At("37h30m-1s", None, DONE),
        At("37h30m", None, "signing: k3 Active, k4 Pending, k2 Retired"),
        spec=cron("30 2 * * *", "Europe/Berlin"),
        start=datetime(2026, 10, 24, 12, tzinfo=UTC),
    ),
    row(
        "a monthly rotation keeps its local hour through summer",
        At("0s", None, FIRST, "Activate signing 710h"),  # 2026-04-01 03:00 in Berlin is 01:00 in UTC
        spec=cron("0 3 1 * *", "Europe/Berlin"),
        start=datetime(2026, 3, 2, 11, tzinfo=UTC),
    ),
    row(
        "a rotation on leap day waits for a leap year",
        At("0s", None, FIRST, "Activate signing 17484h"),  # 2028-02-29
        At("17484h-1s", None, FIRST, down=True),
        At("17484h", None, ROTATED),
        spec=cron("0 0 29 2 *"),
    ),
)
def test_by_the_calendar(told: Row) -> None:
    play(told)
