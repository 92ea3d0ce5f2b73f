"""Records that are lost, restored from a backup, or left in the middle of a step by an operator that died."""

from core.history import SIGNING, Crashed, History, span
from core.rows import (
    FIRST,
    At,
    Backup,
    Row,
    all_of,
    annotate,
    edit,
    entries,
    forget_status,
    lose_configmap,
    lose_keyring,
    lose_secret,
    play,
    row,
    table,
    with_rotation,
    write_off,
)

DAILY = with_rotation(every="24h")
LATE = with_rotation(every="24h", prepublish="OnSchedule")
BOTH = entries(signing="ES256", other="HS256")
ALONE = "signing: k2 Active, k1 Retired"
ROTATED = "signing: k2 Active, k3 Pending, k1 Retired"


@table(
    row(
        "a keyring that is lost is rebuilt from what is in use and published",
        At("2h", lose_keyring, "signing: k1 Active, k3 Pending, k2 Retired without private half"),
        At("3h10m", None, "signing: k1 Active, k3 Pending"),
        At("722h", None, "signing: k3 Active, k4 Pending, k1 Retired"),
    ),
    row(
        "a rebuilt keyring repeats no former request and forgets no coming one",
        At("24h", annotate("signing@2026-03-03T12:00:00Z, signing@2026-03-05T12:00:00Z"), ROTATED),
        At("30h", lose_keyring, "signing: k2 Active, k4 Pending, k3 Retired without private half"),
        At("72h-1s", None, "signing: k2 Active, k4 Pending", "Activate signing 72h"),
        At("72h", None, "signing: k4 Active, k5 Pending, k2 Retired"),
    ),
    row(
        "a key that is lost with keyring and Secret is replaced at once and its public half stays",
        At(
            "2h",
            all_of(lose_keyring, lose_secret),
            "signing: k3 Active, k4 Pending, k1 Retired without private half, k2 Retired without private half",
            ready="True KeysInUse",
            degraded="True KeysLost",
        ),
        At("3h10m", None, "signing: k3 Active, k4 Pending", degraded="True KeysLost"),
        At("722h", None, "signing: k4 Active, k5 Pending, k3 Retired", degraded="False AsExpected"),
    ),
    row(
        "with manual recovery a lost key is replaced only when a person says so",
        At(
            "2h",
            all_of(lose_keyring, lose_secret),
            "signing: k1 Retired without private half, k2 Retired without private half",
            ready="False KeysLost",
            degraded="True KeysLost",
        ),
        At("9h", None, "", ready="False KeysLost"),
        At("10h", edit(SIGNING), "signing: k3 Active, k4 Pending", ready="True KeysInUse"),
        spec={**SIGNING, "recovery": "Manual"},
    ),
    row(
        "everything lost but the status is a loss and no bootstrap",
        At(
            "2h",
            all_of(write_off, lose_keyring, lose_secret, lose_configmap),
            "signing: k3 Active, k4 Pending",
            degraded="True KeysLost",
        ),
    ),
    row(
        "keyring and status lost is a loss as long as something is published",
        At("2h", all_of(lose_keyring, lose_secret, forget_status), degraded="True KeysLost"),
    ),
    row(
        "an entry that is new while the keyring is lost waits its lead like any other",
        At(
            "2h",
            all_of(lose_keyring, edit(entries(signing="ES256", other="ES256"))),
            "other: k4 Pending; signing: k1 Active, k3 Pending, k2 Retired without private half",
            ready="False WaitingForLead",
        ),
        At("3h10m", None, ready="True KeysInUse"),
    ),
    row(
        "a symmetric key of a new entry that waits when the keyring is lost waits its whole lead again",
        At("2h", edit(BOTH), "other: k3 Pending; signing: k1 Active, k2 Pending", "Activate other 2h5m"),
        At(
            "2h4m",
            lose_keyring,
            "other: k3 Pending; signing: k1 Active, k4 Pending, k2 Retired without private half",
            "Activate other 2h9m",
            degraded="False AsExpected",
        ),
        At("2h9m-1s", None, ready="False WaitingForLead"),
        At("2h9m", None, ready="True KeysInUse"),
    ),
    row(
        "a symmetric key that waits is not used early though the ConfigMap and the status are lost too",
        At("2h", edit(BOTH), "other: k3 Pending; signing: k1 Active, k2 Pending"),
        At("2h4m", all_of(lose_keyring, lose_configmap, forget_status), None, "Activate other 2h9m"),
        At("2h9m-1s", None, ready="False WaitingForLead"),
        At("2h9m", None, ready="True KeysInUse"),
    ),
    row(
        "a signature key of a new entry is replaced by one that waits, if it waited when the keyring was lost",
        At("2h", edit(entries(signing="ES256", other="ES256")), "other: k3 Pending; signing: k1 Active, k2 Pending"),
        At("2h4m", lose_keyring, next="Activate other 3h14m", ready="False WaitingForLead"),
        At("3h14m", None, ready="True KeysInUse"),
    ),
    row(
        "a lifetime lowered before the keyring is lost counts on, as the status tells",
        At("24h-1s", edit({**LATE, "timing": {}}), FIRST),
        At("24h", None, ALONE),
        At("25h", lose_keyring, "signing: k2 Active, k1 Retired without private half"),
        At("31h6m-1s", None, "signing: k2 Active, k1 Retired without private half"),
        At("31h6m", None, "signing: k2 Active"),
        spec={**LATE, "timing": {"tokenLifetime": "6h"}},
    ),
    row(
        "a lifetime lowered before keyring and status are lost is forgotten: the spec counts",
        At("24h-1s", all_of(edit({**LATE, "timing": {}}), write_off), FIRST),
        At("24h", None, ALONE),
        At("25h", all_of(lose_keyring, forget_status), "signing: k2 Active, k1 Retired without private half"),
        At("26h10m", None, "signing: k2 Active"),
        spec={**LATE, "timing": {"tokenLifetime": "6h"}},
    ),
    row(
        "a lead lowered before the keyring is lost is owed once more",
        At("10h", edit({**LATE, "timing": {"verifierRefresh": "1m"}}), "signing: k1 Active"),
        At("10h30m", lose_keyring, "signing: k1 Active"),
        At("10h31m", annotate("signing@2026-03-02T22:31:00Z"), FIRST, "Activate signing 13h30m"),
        At("13h30m-1s", None, FIRST),
        At("13h30m", None, ALONE),
        spec={**LATE, "timing": {"verifierRefresh": "2h50m"}},
    ),
    row(
        "a lead lowered before the keyring is lost and raised elsewhere after it counts with both",
        At("10h", edit({**LATE, "timing": {"verifierRefresh": "1m"}}), "signing: k1 Active"),
        At("10h30m", lose_keyring, "signing: k1 Active"),
        At("10h31m", annotate("signing@2026-03-02T22:31:00Z"), FIRST, "Activate signing 13h30m"),
        At("10h31m", edit({**LATE, "timing": {"verifierRefresh": "1m", "propagation": "1h"}})),
        At("10h31m", None, FIRST, "Activate signing 14h26m"),
        spec={**LATE, "timing": {"verifierRefresh": "2h50m"}},
    ),
    row(
        "a status that is lost loses nothing", At("2h", forget_status, FIRST, "Activate signing 720h", "True KeysInUse")
    ),
)
def test_losses(told: Row) -> None:
    play(told)


def test_a_restored_record_keeps_its_keys_and_restarts_every_clock() -> None:
    backup = Backup()
    play(
        row(
            "restored",
            At("24h", None, ROTATED),
            At("24h30m", backup.save),
            At("25h", backup.restore, ROTATED, "Destroy signing 26h10m"),
            At("26h10m-1s", None, ROTATED),
            At("26h10m", None, "signing: k2 Active, k3 Pending", "Activate signing 49h"),
            At("49h-1s", None, "signing: k2 Active, k3 Pending"),
            At("49h", None, "signing: k3 Active, k4 Pending, k2 Retired"),
            spec=DAILY,
        )
    )


def test_what_was_published_since_the_backup_stays_published() -> None:
    backup = Backup()
    play(
        row(
            "restored after a rotation",
            At("23h", backup.save, FIRST),
            At("24h", None, ROTATED),
            At("25h", backup.restore, "signing: k2 Active, k4 Pending, k1 Retired, k3 Retired without private half"),
            At("26h10m", None, "signing: k2 Active, k4 Pending"),
            At("49h", None, "signing: k4 Active, k5 Pending, k2 Retired"),
            spec=DAILY,
        )
    )


def test_a_request_honoured_since_the_backup_is_not_repeated() -> None:
    backup = Backup()
    play(
        row(
            "restored after a request",
            At("2h", backup.save),
            At("3h", annotate("signing@2026-03-02T15:00:00Z"), ROTATED),
            At("4h", backup.restore, "signing: k2 Active, k4 Pending, k1 Retired, k3 Retired without private half"),
            At("700h", None, "signing: k2 Active, k4 Pending", "Activate signing 724h"),
        )
    )


LONG_LIFE = (
    At("1h", edit({**DAILY, "timing": {"verifierRefresh": "2h"}})),
    At("2h", edit({**DAILY, "timing": {"verifierRefresh": "30m"}})),
    At("24h", annotate("signing@2026-03-03T12:00:00Z")),
    At("30h", lose_configmap),
    At("40h", edit({**entries(signing="RS256", other="ES256"), "rotation": {"every": "24h"}})),
    At("60h", edit({**entries(other="ES256"), "rotation": {"every": "24h"}})),
    At("86h", None),
)


def test_an_operator_that_dies_before_any_write_ends_in_the_same_states() -> None:
    undisturbed, _ = _live_long(None)
    for writes in range(1000):
        history, died = _live_long(writes)
        if not died:
            assert writes > 40
            break
        assert _outline(history) == _outline(undisturbed), f"died before write {writes}"
        assert not history.observer.gaps()


def _live_long(writes: int | None) -> tuple[History, bool]:
    """Live through it; whenever the operator dies a new one takes over at once."""
    history = History.of(DAILY)
    history.dies_before = writes
    start, died = history.now, False
    for moment in LONG_LIFE:
        try:
            history.live(start + span(moment.time))
        except Crashed:
            died = True
            history.live(start + span(moment.time))
        if moment.act is not None:
            moment.act(history)
        try:
            history.pass_()
        except Crashed:
            died = True
            history.pass_()
    return history, died


def _outline(history: History) -> tuple[int, list[tuple[str, str]]]:
    """How many keys are buried, and where the others stand."""
    record = history.record()
    assert record is not None
    return len(record.tombstones), sorted((key.entry, key.state.value) for key in record.keys)
