"""Write or check the pictures: `python -m pictures [--check]`."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from generated import ROOT, write_or_check
from jwks_operator.api.parse import parse_spec
from jwks_operator.core.forecast import forecast
from jwks_operator.core.outputs.timeline import draw_svg

FOLDER = ROOT / "docs" / "img"
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


def draw_pictures() -> dict[Path, str]:
    """Return each file with its picture as it should be."""
    drawn = {}
    for name, (title, spec, span) in PICTURES.items():
        parsed = parse_spec({"metadata": {"name": "auth"}, "spec": spec})
        drawn[FOLDER / name] = draw_svg(title, forecast(parsed, START, START + span), START, START + span)
    return drawn


if __name__ == "__main__":
    sys.exit(write_or_check(draw_pictures(), sys.argv[1:]))
