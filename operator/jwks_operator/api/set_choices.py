"""What a user chooses for a whole set by one word."""

from enum import StrEnum


class Recovery(StrEnum):
    """What happens when keys are lost for good."""

    REGENERATE = "Regenerate"
    MANUAL = "Manual"


class DeletionPolicy(StrEnum):
    """What happens to keys and published set after their JsonWebKeySet was deleted."""

    DELETE = "Delete"
    RETAIN = "Retain"


class PodRefresh(StrEnum):
    """Which steps are made to reach the mounted files of consenting pods at once."""

    ON_EMERGENCY = "OnEmergency"
    ALWAYS = "Always"
