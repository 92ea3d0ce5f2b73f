"""Write or check the pictures: `python -m pictures [--check]`."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jwks_operator.api.parse import parse_spec
from jwks_operator.core.forecast import forecast
from jwks_operator.timeline import draw

FOLDER = Path(__file__).parents[2] / "docs" / "img"
START = datetime(2026, 1, 5, tzinfo=UTC)

PICTURES = {
    "rotation-signature.svg": (
        "A signature entry: ES256, rotated every 6 hours, tokens of one hour",
        {"keys": [{"name": "signing", "algorithm": "ES256"}], "rotation": {"every": "6h"}},
        timedelta(hours=20),
    ),
    "rotation-on-schedule.svg": (
        "The same, its successor published one lead before it is due",
        {
            "keys": [{"name": "signing", "algorithm": "ES256"}],
            "rotation": {"every": "6h", "prepublish": "OnSchedule"},
        },
        timedelta(hours=20),
    ),
    "rotation-slow-verifiers.svg": (
        "Verifiers that ask every three hours",
        {
            "keys": [{"name": "signing", "algorithm": "ES256"}],
            "rotation": {"every": "6h", "prepublish": "OnSchedule"},
            "timing": {"verifierRefresh": "3h"},
        },
        timedelta(hours=20),
    ),
    "rotation-encryption.svg": (
        "An encryption entry: receivers hold a key before senders find it, and keep it after",
        {"keys": [{"name": "inbox", "algorithm": "ECDH-ES+A256KW"}], "rotation": {"every": "6h"}},
        timedelta(hours=20),
    ),
}


def main(arguments: list[str]) -> int:
    """Return 0, or 1 if `--check` found a picture that is not what it would be now."""
    stale = []
    for name, (title, spec, span) in PICTURES.items():
        parsed = parse_spec({"metadata": {"name": "auth"}, "spec": spec})
        picture = draw(title, forecast(parsed, START, START + span), START, START + span)
        path = FOLDER / name
        if "--check" not in arguments:
            path.write_text(picture)
        elif not path.exists() or path.read_text() != picture:
            stale.append(name)
    if stale:
        print(f"docs/img: {', '.join(stale)} out of date; run make generate", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
