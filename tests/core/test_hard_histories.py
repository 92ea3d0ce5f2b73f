"""What an unfriendly world does to a set: restores, losses, requests nobody can honour, limits, a clock in doubt."""

from datetime import timedelta

import pytest

from core.history import SIGNING, START, Crashed, History
from core.rows import (
    FIRST,
    At,
    Backup,
    Row,
    all_of,
    annotate,
    doubt,
    edit,
    entries,
    lose_configmap,
    lose_keyring,
    lose_secret,
    play,
    row,
    table,
    timestamp,
    trust,
    with_rotation,
    with_timing,
    write_off,
)
from jwks_operator.core.planner.spec_checks import find_complaint

DAILY = with_rotation(every="24h")
RARE = with_rotation(every="720h")
FULL = with_timing({**SIGNING, "publish": {"maxKeys": 4}, "rotation": {"policy": "Manual"}}, retention="100h")
AGE = "2026-03-03T12:00:00Z"
OLD = {**DAILY, "revoked": [{"createdBefore": AGE, "reason": "KeyCompromise"}]}
old_backup, renamed_backup, late_backup = Backup(), Backup(), Backup()


def write_off_published(history: History) -> None:
    """What is published is about to be lost for good: nobody can answer for its tokens."""
    history.observer.exempt |= set(history.published())


def write_off_pending(history: History) -> None:
    """A key is about to be used before anybody has it."""
    history.observer.exempt |= {key.kid for key in history.known() if key.state == "Pending"}


def write_off_all(history: History) -> None:
    """No key that there ever was is as everybody knows it."""
    history.observer.exempt |= set(history.born)


@table(
    row(
        "a pending key of a restored backup may have been used: an unwanted one keeps its retention",
        At("23h", old_backup.save, FIRST),
        At("24h30m", None, "signing: k2 Active, k3 Pending, k1 Retired"),
        At(
            "25h",
            all_of(
                lose_secret, old_backup.restore, edit({**DAILY, "keys": [{"name": "signing", "algorithm": "RS256"}]})
            ),
        ),
        At("26h", None),
        spec=DAILY,
    ),
    row(
        "a pending key of a restored backup whose entry was renamed is retired, not destroyed",
        At("1h", renamed_backup.save, FIRST),
        At("2h", all_of(renamed_backup.restore, edit(entries(tokens="ES256")))),
        At("2h", None, "signing: k1 Retired, k2 Retired; tokens: k3 Pending"),
    ),
)
def test_restores(told: Row) -> None:
    play(told)


@table(
    row(
        "a lost keyring makes no key younger: revocation by age finds them",
        At("25h", all_of(lose_keyring, edit(OLD))),
        At("25h", None, "signing: k3 Active, k4 Pending"),
        spec=with_rotation(every="720h"),
    ),
    row(
        "revocation by age happens at its moment, not at the next timed pass",
        At(
            "1h",
            edit({**RARE, "revoked": [{"createdBefore": AGE, "reason": "Superseded"}]}),
            FIRST,
            "Revoke signing 24h",
        ),
        At("24h-1s", None, FIRST),
        At("24h", None, "signing: k3 Active, k4 Pending"),
        spec=RARE,
    ),
    row(
        "public keys that are lost with keyring and ConfigMap are named for as long as their tokens live",
        At("25h", all_of(write_off_published, lose_keyring, lose_configmap, lose_secret), degraded="True KeysLost"),
        At("26h", None, degraded="True KeysLost"),
        At("120h", None, degraded="False AsExpected"),
        spec=with_timing(DAILY, retention="4h"),
    ),
    row(
        "keys in use that are lost after a restore are named as well",
        At("1h", late_backup.save, FIRST),
        At("49h", all_of(write_off_all, late_backup.restore, lose_configmap, lose_secret)),
        At("49h", None, degraded="True KeysLost"),
        At("60h", None, degraded="False AsExpected"),
        spec=DAILY,
    ),
    row(
        "a request that was refused is not made after a loss of the keyring",
        At("1h", annotate("signing@2026-03-02T12:30:00Z", rollback="signing@2026-03-02T12:30:00Z")),
        At("2h", all_of(edit(SIGNING), lose_keyring), "signing: k1 Active, k2 Pending"),
        At("9h", None, "signing: k1 Active, k2 Pending"),
        spec={**SIGNING, "suspend": True},
    ),
    row(
        "a request for a lost key that nobody may regenerate is refused, and not made later",
        At("1h", all_of(write_off, lose_keyring, lose_secret)),
        At("2h", annotate("signing@2026-03-02T13:59:00Z!")),
        At("3h", edit(SIGNING), "signing: k3 Active, k4 Pending"),
        At("9h", None, "signing: k3 Active, k4 Pending"),
        spec={**SIGNING, "recovery": "Manual"},
    ),
    row(
        "the key that is made for a lost one answers the emergency that was asked meanwhile",
        At("1h", all_of(write_off, lose_keyring, lose_secret, annotate("signing@2026-03-02T12:59:00Z!"))),
        At("9h", None, "signing: k3 Active, k4 Pending"),
    ),
    row(
        "an emergency that was asked while the keyring was lost is made once it is rebuilt",
        At("10h", all_of(lose_keyring, annotate("signing@2026-03-02T21:59:00Z!"))),
        At("10h", None, "signing: k3 Active, k4 Pending, k1 Retired, k2 Retired without private half"),
    ),
)
def test_losses(told: Row) -> None:
    play(told)


@table(
    row(
        "a spec that changes while the clock is in doubt is told to wait, and comes into force after it",
        At("1h", all_of(doubt, edit(DAILY)), FIRST, degraded="True ClockUncertain"),
        At("2h", trust, FIRST, degraded="False AsExpected"),
        At("24h", None, "signing: k2 Active, k3 Pending, k1 Retired"),
        spec=RARE,
    ),
    row(
        "a request during suspend is refused at once and not made when suspend ends",
        At("1h", all_of(edit({**SIGNING, "suspend": True}), annotate("signing@2026-03-02T13:00:00Z")), FIRST),
        At("90h", edit(SIGNING), FIRST),
        At("92h", None, FIRST),
    ),
    row(
        "a request that is older than the set is answered by its first keys",
        At("1h", None, FIRST),
        At("3h", None, FIRST),
        spec=SIGNING,
    ),
    row(
        "a revocation answers the emergency that was asked beside it: the published key is used, and no other one",
        At("10h", annotate("signing@2026-03-02T21:59:00Z!", revoke="k1"), "signing: k2 Active, k3 Pending"),
        At("20h", None, "signing: k2 Active, k3 Pending"),
    ),
    row(
        "a rotation that would exceed maxKeys waits and says so",
        At("1h", annotate("signing@2026-03-02T13:00:00Z, signing@2026-03-02T14:20:00Z")),
        At(
            "3h20m",
            None,
            "signing: k3 Active, k1 Retired without private half, k2 Retired",
            degraded="True TooManyKeys",
        ),
        At("5h", None, degraded="True TooManyKeys"),
        At("7h", None, "signing: k3 Active, k4 Pending", degraded="False AsExpected"),
        spec=with_timing({**SIGNING, "publish": {"maxKeys": 3}, "rotation": {"policy": "Manual"}}, retention="4h"),
    ),
    row(
        "the first encryption key waits for maxKeys, too: it is published when it comes into use",
        At("1h", annotate("signing@2026-03-02T12:30:00Z!")),
        At("5h", annotate("signing@2026-03-02T13:30:00Z!")),
        At("6h", edit({**FULL, "keys": [*SIGNING["keys"], {"name": "sealing", "algorithm": "ECDH-ES"}]})),
        At("9h", None, degraded="True TooManyKeys", ready="False WaitingForLead"),
        At("120h", None, ready="True KeysInUse", degraded="False AsExpected"),
        spec=FULL,
    ),
    row(
        "an emergency of an entry that was added and waits its lead uses its key at once",
        At("1h", edit(entries(signing="ES256", other="ES256"))),
        At("1h10m", all_of(annotate("other@2026-03-02T13:10:00Z!"), write_off_pending)),
        At("1h10m", None, "other: k3 Active, k4 Pending; signing: k1 Active, k2 Pending"),
    ),
    row(
        "an emergency that is older than the entry does not skip the lead of its first key",
        At("1h", all_of(edit(entries(signing="ES256", other="ES256")), annotate("other@2026-03-02T12:10:00Z!"))),
        At("1h10m", None, "other: k3 Pending; signing: k1 Active, k2 Pending"),
        At("3h", None, "other: k3 Active, k4 Pending; signing: k1 Active, k2 Pending"),
    ),
    row(
        "a request for an entry that was added during suspend is refused, and not made when suspend ends",
        At("1h", edit({**entries(signing="ES256", other="ES256"), "suspend": True})),
        At("1h10m", annotate("other@2026-03-02T13:09:00Z!")),
        At("1h20m", edit(entries(signing="ES256", other="ES256"))),
        At("1h40m", None, "other: k3 Pending; signing: k1 Active, k2 Pending"),
    ),
    row(
        "of several roll-backs the due one counts, whatever their order",
        At("24h30m", annotate(rollback="signing@2026-03-04T12:00:00Z, signing@2026-03-03T12:20:00Z")),
        At("24h30m", None, "signing: k1 Active, k3 Pending, k2 Retired"),
        spec=DAILY,
    ),
)
def test_requests_and_limits(told: Row) -> None:
    play(told)


def test_a_refused_request_is_told_in_the_history() -> None:
    history = History.of({**SIGNING, "suspend": True})
    history.pass_()
    annotate("signing@2026-03-02T12:30:00Z", rollback="signing@2026-03-02T12:30:00Z")(history)
    history.live(START + timestamp("1h"))
    told = {(each.event, each.reason) for each in history.status.history}
    assert {("RotationRefused", "Suspended"), ("RollbackRefused", "Suspended")} <= told


@pytest.mark.parametrize("honoured", [False, True])
def test_a_request_that_a_backup_does_not_know_is_refused_aloud(honoured: bool) -> None:
    history, backup = History.of(SIGNING), Backup()
    history.live(START + timestamp("30m"))
    backup.save(history)
    annotate("signing@2026-03-02T12:30:00Z")(history)
    history.live(START + timestamp("2h" if honoured else "40m"))
    backup.restore(history)
    history.live(START + timestamp("9h"))
    told = {(each.event, each.reason) for each in history.status.history}
    assert (("RotationRefused", "Restored") in told) is not honoured
    assert len([kid for kid in history.born if kid in history.published()]) == 2, "it is not made"


def test_an_old_request_in_the_manifest_does_not_rotate_a_new_set() -> None:
    history = History.of(SIGNING)
    annotate("signing@2026-03-01T12:00:00Z!")(history)
    history.live(START + timestamp("3h"))
    assert history.states() == FIRST


@pytest.mark.parametrize("algorithm", ["ES256", "ECDH-ES", "HS256"])
def test_ten_default_entries_of_any_class_are_a_legal_set(algorithm: str) -> None:
    keys = [{"name": f"e{number}", "algorithm": algorithm} for number in range(10)]
    history = History.of({"keys": keys})
    assert history.spec is not None
    assert find_complaint(history.spec, START) is None
    history.live(START + timestamp("1h"))
    assert len(history.in_use()) == 10


def test_the_latency_counts_what_was_cached_under_a_former_fact_although_the_lead_was_stated() -> None:
    stated = with_timing(SIGNING, lead="6h", cacheMaxAge="2h", verifierRefresh="1h")
    history = History.of(stated)
    history.live(START + timestamp("1h"))
    before = history.status.revocation_latency
    edit(with_timing(SIGNING, lead="6h", cacheMaxAge="5m", verifierRefresh="1m"))(history)
    history.dies_before = 1  # the record has the fact, the ConfigMap has not
    with pytest.raises(Crashed):
        history.pass_()
    history._show(history.plan)
    assert history.status.revocation_latency == before
    history.live(history.now + timedelta(minutes=1))
    assert history.status.revocation_latency == before
    history.live(history.now + timestamp("12h"))
    assert history.status.revocation_latency == "11m"
