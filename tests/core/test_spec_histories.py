"""Edits of the spec in the middle of a life: algorithms, entries, facts raised and lowered."""

from core.history import START, History, span
from core.rows import (
    FIRST,
    At,
    Row,
    all_of,
    annotate,
    edit,
    entries,
    play,
    row,
    table,
    with_rotation,
    with_timing,
)

RSA = entries(signing="RS256")
RSA_SMALL = entries(signing={"algorithm": "RS256", "modulusLength": 2048})
TWO = entries(signing="ES256", other="ES256")
DAILY = with_rotation(every="24h")
LATE = with_rotation(every="24h", prepublish="OnSchedule")
CHANGED = "signing: k1 Active, k3 Pending"


@table(
    row(
        "a changed algorithm replaces the standby at once and the key after the lead",
        At("2h", edit(RSA), CHANGED, "Activate signing 3h10m", rotating="True NextKeyPublished"),
        At("3h10m-1s", None, CHANGED),
        At("3h10m", None, "signing: k3 Active, k4 Pending, k1 Retired"),
        At("4h20m", None, "signing: k3 Active, k4 Pending", "Activate signing 723h10m"),
    ),
    row(
        "a changed RSA size replaces the key after the lead",
        At("2h", edit(RSA_SMALL), CHANGED, "Activate signing 3h10m"),
        At("3h10m", None, "signing: k3 Active, k4 Pending, k1 Retired"),
        spec=RSA,
    ),
    row(
        "the default RSA size written out changes nothing",
        At("2h", edit(entries(signing={"algorithm": "RS256", "modulusLength": 3072})), FIRST),
        spec=RSA,
    ),
    row(
        "an algorithm that is changed back before the lead keeps the key in use",
        At("2h", edit(RSA), CHANGED),
        At("3h", edit(entries(signing="ES256")), "signing: k1 Active, k4 Pending", "Activate signing 720h"),
    ),
    row(
        "an algorithm changed while the key is due activates no key of the former one",
        At("24h-1s", None, FIRST),
        At("24h", edit({**RSA, "rotation": {"every": "24h"}}), CHANGED, "Activate signing 25h10m"),
        spec=DAILY,
    ),
    row(
        "an entry added to a living set waits its lead",
        At(
            "2h",
            edit(TWO),
            "other: k3 Pending; signing: k1 Active, k2 Pending",
            "Activate other 3h10m",
            ready="False WaitingForLead",
            rotating="True NextKeyPublished",
        ),
        At("3h10m-1s", None, "other: k3 Pending; signing: k1 Active, k2 Pending", ready="False WaitingForLead"),
        At("3h10m", None, "other: k3 Active, k4 Pending; signing: k1 Active, k2 Pending", ready="True KeysInUse"),
    ),
    row(
        "an entry added on schedule waits its lead and no longer",
        At(
            "2h", edit({**TWO, "rotation": {"every": "720h", "prepublish": "OnSchedule"}}), ready="False WaitingForLead"
        ),
        At("3h10m", None, "other: k3 Active; signing: k1 Active, k2 Pending", ready="True KeysInUse"),
    ),
    row(
        "a removed entry retires its key and destroys its standby, which was never used",
        At("2h", edit(entries(signing="ES256")), "other: k3 Retired; signing: k1 Active, k2 Pending"),
        At("3h10m-1s", None, "other: k3 Retired; signing: k1 Active, k2 Pending"),
        At("3h10m", None, "signing: k1 Active, k2 Pending"),
        spec=TWO,
    ),
    row(
        "a renamed entry retires the old key and waits for the new one",
        At(
            "2h", edit(entries(tokens="ES256")), "signing: k1 Retired; tokens: k3 Pending", ready="False WaitingForLead"
        ),
        At("3h10m", None, "tokens: k3 Active, k4 Pending", ready="True KeysInUse"),
    ),
    row(
        "an entry removed and added again starts anew and repeats no request",
        At("2h", annotate("other@2026-03-02T14:00:00Z")),
        At("3h", edit(entries(signing="ES256"))),
        At("4h", edit(TWO), "other: k6 Pending, k4 Retired; signing: k1 Active, k2 Pending"),
        At("5h10m", None, "other: k6 Active, k7 Pending; signing: k1 Active, k2 Pending", rotating="False NothingDue"),
        At("8h", None, "other: k6 Active, k7 Pending; signing: k1 Active, k2 Pending", "Activate signing 720h"),
        spec=TWO,
    ),
    row(
        "a schedule brought forward beyond the present rotates at once",
        At("100h", edit(DAILY), "signing: k2 Active, k3 Pending, k1 Retired"),
    ),
    row(
        "a schedule put off leaves the published successor waiting",
        At("23h", None, FIRST, "Activate signing 24h"),
        At("23h30m", edit(with_rotation(every="240h", prepublish="OnSchedule")), FIRST, "Activate signing 240h"),
        spec=LATE,
    ),
    row(
        "a held key in a removed entry stays until it is let go",
        At(
            "2h",
            edit({**entries(signing="ES256"), "held": ["k3"]}),
            "other: k3 Retired; signing: k1 Active, k2 Pending",
        ),
        At("90h", None, "other: k3 Retired without private half; signing: k1 Active, k2 Pending"),
        At("91h", edit(entries(signing="ES256")), "signing: k1 Active, k2 Pending"),
        spec=TWO,
    ),
)
def test_what_is_wanted_changes(told: Row) -> None:
    play(told)


@table(
    *(
        row(
            f"{fact} lowered right before a publication leaves the former lead as a floor",
            At("20h59m", None, "signing: k1 Active", "Publish signing 21h"),
            At("20h59m", edit(with_timing(LATE)), "signing: k1 Active", "Publish signing 22h50m"),
            At("20h59m", annotate("signing@2026-03-03T09:00:00Z"), FIRST, "Activate signing 23h59m"),
            At("23h59m-1s", None, FIRST),
            At("23h59m", None, "signing: k2 Active, k1 Retired"),
            spec=with_timing(LATE, **{fact: longer}),
        )
        for fact, longer in (
            ("verifierRefresh", "2h50m"),
            ("cacheMaxAge", "1h55m"),
            ("staleWindow", "1h50m"),
            ("edgeCache", "1h50m"),
            ("propagation", "1h55m"),
            ("lead", "3h"),
        )
    ),
    row(
        "a lead lowered while the successor waits does not shorten its wait",
        At("2h", None, FIRST),
        At("2h", all_of(edit(with_timing(verifierRefresh="1m")), annotate("signing@2026-03-02T14:00:00Z")), FIRST),
        At("3h10m-1s", None, FIRST),
        At("3h10m", None, "signing: k2 Active, k3 Pending, k1 Retired"),
    ),
    row(
        "a lead lowered twice keeps the longest floor",
        At("10h", edit(with_timing(LATE, verifierRefresh="2h")), "signing: k1 Active"),
        At("10h1m", edit(with_timing(LATE, verifierRefresh="1m")), "signing: k1 Active"),
        At("10h2m", annotate("signing@2026-03-02T12:00:00Z"), FIRST, "Activate signing 13h1m"),
        At("13h1m-1s", None, FIRST),
        At("13h1m", None, "signing: k2 Active, k1 Retired"),
        spec=with_timing(LATE, verifierRefresh="2h50m"),
    ),
    row(
        "a fact lowered and another one raised in one edit count at their longest",
        At("10h", edit(with_timing(LATE, propagation="1m", cacheMaxAge="10m", verifierRefresh="1m"))),
        At("10h", annotate("signing@2026-03-02T12:00:00Z"), FIRST, "Activate signing 11h11m"),
        At("11h11m-1s", None, FIRST),
        At("11h11m", None, "signing: k2 Active, k1 Retired"),
        spec=with_timing(LATE, propagation="1h", cacheMaxAge="1m", verifierRefresh="1m"),
    ),
    row(
        "a fact raised while a former one still counts makes it last longer",
        At("10h", edit(with_timing(LATE, propagation="1m", cacheMaxAge="1m", verifierRefresh="1m"))),
        At("10h", annotate("signing@2026-03-02T12:00:00Z"), FIRST, "Activate signing 11h2m"),
        At("10h30m", edit(with_timing(LATE, propagation="1m", cacheMaxAge="10m", verifierRefresh="1m"))),
        At("10h30m", None, FIRST, "Activate signing 11h11m"),
        At("11h11m", None, "signing: k2 Active, k1 Retired"),
        spec=with_timing(LATE, propagation="1h", cacheMaxAge="1m", verifierRefresh="1m"),
    ),
    row(
        "a fact raised when nothing is left of a former one lengthens nothing",
        At("10h", edit(with_timing(LATE, propagation="1m", cacheMaxAge="1m", verifierRefresh="1m"))),
        At("12h3m", edit(with_timing(LATE, propagation="1m", cacheMaxAge="10m", verifierRefresh="1m"))),
        At("12h3m", annotate("signing@2026-03-02T12:00:00Z"), FIRST, "Activate signing 12h15m"),
        spec=with_timing(LATE, propagation="1h", cacheMaxAge="1m", verifierRefresh="1m", tokenLifetime="1m"),
    ),
    row(
        "a slow way and a long life that never held together both count for a retired key",
        At("24h", None, "signing: k2 Active, k1 Retired"),
        At("24h", edit(with_timing(LATE, propagation="1m", tokenLifetime="3h"))),
        At("28h1m-1s", None, "signing: k2 Active, k1 Retired without private half"),
        At("28h1m", None, "signing: k2 Active"),
        spec=with_timing(LATE, propagation="1h", tokenLifetime="1m"),
    ),
    row(
        "an edit that lowers nothing leaves a running floor as it is",
        At("10h", edit(with_timing(LATE, verifierRefresh="1m")), "signing: k1 Active"),
        At("11h", edit({**with_timing(LATE, verifierRefresh="1m"), "recovery": "Manual"})),
        At("11h", annotate("signing@2026-03-02T12:00:00Z"), FIRST, "Activate signing 13h"),
        spec=with_timing(LATE, verifierRefresh="2h50m"),
    ),
    row(
        "a lead raised while the successor waits lengthens its wait",
        At("24h-1s", None, FIRST),
        At("24h-1s", edit(with_timing(DAILY, verifierRefresh="23h")), FIRST),
        At("24h", None, "signing: k2 Active, k3 Pending, k1 Retired"),
        At("47h10m-1s", None, "signing: k2 Active, k3 Pending, k1 Retired"),
        At("47h10m", None, "signing: k2 Active, k3 Pending"),
        spec=DAILY,
    ),
    row(
        "a lead raised over a fresh standby moves its first use",
        At("10m", annotate("signing@2026-03-02T12:00:00Z"), FIRST, "Activate signing 1h10m"),
        At("1h10m-1s", edit(with_timing(verifierRefresh="5h")), FIRST, "Activate signing 5h10m"),
        At("5h10m-1s", None, FIRST),
        At("5h10m", None, "signing: k2 Active, k3 Pending, k1 Retired"),
    ),
    *(
        row(
            f"{fact} lowered after a rotation does not shorten the retention of a retired key",
            At("24h", None, "signing: k2 Active, k1 Retired"),
            At("24h+1s", edit(with_timing(LATE)), "signing: k2 Active, k1 Retired"),
            At("27h-1s", None, "signing: k2 Active, k1 Retired without private half"),
            At("27h", None, "signing: k2 Active"),
            spec=with_timing(LATE, **{fact: longer}),
        )
        for fact, longer in (
            ("tokenLifetime", "2h54m"),
            ("clockSkew", "1h55m"),
            ("retention", "3h"),
        )
    ),
    row(
        "a token lifetime lowered before a rotation still counts for the key that signed before",
        At("24h-1s", edit(with_timing(LATE)), FIRST),
        At("24h", None, "signing: k2 Active, k1 Retired", "DestroyPrivateHalf signing 25h10m"),
        At("30h6m-1s", None, "signing: k2 Active, k1 Retired without private half"),
        At("30h6m", None, "signing: k2 Active"),
        spec=with_timing(LATE, tokenLifetime="6h"),
    ),
    row(
        "a token lifetime raised after a rotation lengthens the retention of a retired key",
        At("24h", None, "signing: k2 Active, k1 Retired"),
        At("25h", edit(with_timing(LATE, tokenLifetime="6h")), "signing: k2 Active, k1 Retired"),
        At("30h6m-1s", None, "signing: k2 Active, k1 Retired without private half"),
        At("30h6m", None, "signing: k2 Active"),
        spec=LATE,
    ),
    row(
        "a roll-back window longer than the derived retention keeps the public key as long",
        At("24h", None, "signing: k2 Active, k1 Retired", "Destroy signing 29h"),
        At("29h-1s", None, "signing: k2 Active, k1 Retired"),
        At("29h", None, "signing: k2 Active"),
        spec=with_rotation(every="24h", prepublish="OnSchedule", rollbackWindow="5h"),
    ),
)
def test_facts_change(told: Row) -> None:
    play(told)


def test_the_status_tells_of_former_waits_for_as_long_as_they_count_and_is_written_no_more_often() -> None:
    history = History.of(with_timing(LATE, verifierRefresh="2h50m"))
    history.live(START + span("10h"))
    edit(with_timing(LATE, verifierRefresh="1m"))(history)
    history.pass_()
    assert _told(history) == ("3h", [("signature", "3h", "3h")])
    history.writes.clear()
    history.live(START + span("13h"))
    assert history.writes == []
    assert _told(history) == ("3h", [("signature", "3h", "3h")])
    history.pass_()
    assert _told(history) == ("11m", [("signature", "3h", "3h")]), "what was cached under the former lead is over"
    history.live(START + span("20h"))
    assert history.writes == ["status"]
    assert _told(history) == ("11m", [("signature", "3h", "3h")]), "the key in use keeps the waits that it lived under"


def _told(history: History) -> tuple[str | None, list[tuple[str, str, str]]]:
    waits = [(told.key_class, told.lead, told.retention) for told in history.status.waits]
    return history.status.revocation_latency, waits
