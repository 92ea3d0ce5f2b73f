"""Condition types, condition reasons and Event reasons: public API, therefore constants in one place."""

from enum import StrEnum


class ConditionType(StrEnum):
    """The conditions of a set."""

    READY = "Ready"
    """True: every entry has an active key that verifiers had for its lead; consumers may use the
    outputs."""
    DEGRADED = "Degraded"
    """True: something needs attention; keys and the published set are kept."""
    ROTATING = "Rotating"
    """True: a pending key exists or a step is unfinished."""


READY = ConditionType.READY
DEGRADED = ConditionType.DEGRADED
ROTATING = ConditionType.ROTATING


class Reason(StrEnum):
    """Reasons of conditions, by the condition they explain first."""

    # Ready=True
    KEYS_IN_USE = "KeysInUse"
    # Ready=False
    PROGRESSING = "Progressing"
    WAITING_FOR_LEAD = "WaitingForLead"
    NAME_CONFLICT = "NameConflict"
    INVALID_SPEC = "InvalidSpec"
    UNKNOWN_RECORD_FORMAT = "UnknownRecordFormat"
    KEYS_LOST = "KeysLost"
    # Degraded=False
    AS_EXPECTED = "AsExpected"
    # Degraded=True
    CLOCK_UNCERTAIN = "ClockUncertain"
    POLICY_UNREADABLE = "PolicyUnreadable"
    TOO_MANY_KEYS = "TooManyKeys"
    INVALID_SCHEDULE = "InvalidSchedule"
    INTERVAL_TOO_SHORT = "IntervalTooShort"
    INVALID_REQUEST = "InvalidRequest"
    WRITE_REFUSED = "WriteRefused"
    READ_REFUSED = "ReadRefused"
    REVOKED_KEY_REMAINS = "RevokedKeyRemains"
    CERTIFICATE_REFUSED = "CertificateRefused"
    IMPORT_REFUSED = "ImportRefused"
    READER_REFUSES = "ReaderRefuses"
    NO_SUCCESSOR = "NoSuccessor"
    RESTART_FAILED = "RestartFailed"
    ENDPOINTS_LAG = "EndpointsLag"
    URL_LAGS = "UrlLags"
    URL_REFUSED = "UrlRefused"
    URL_KEEPS_LONGER = "UrlKeepsLonger"
    REVOKED_KEY_SHOWN = "RevokedKeyShown"
    COPIES_UNSUPPORTED = "CopiesUnsupported"
    COPY_REFUSED = "CopyRefused"
    COPY_CONFLICT = "CopyConflict"
    OBJECT_DISPUTED = "ObjectDisputed"
    OTHER_OPERATOR = "OtherOperator"
    # Rotating
    NEXT_KEY_PUBLISHED = "NextKeyPublished"
    WAITING_FOR_ENDPOINTS = "WaitingForEndpoints"
    WAITING_FOR_URLS = "WaitingForUrls"
    STEP_IN_PROGRESS = "StepInProgress"
    NOTHING_DUE = "NothingDue"
    SUSPENDED = "Suspended"


class Wait(StrEnum):
    """What the next transition of a set waits for: `status.next.waitingFor`."""

    SCHEDULE = "Schedule"
    LEAD = "Lead"
    WINDOW = "Window"
    REQUESTED_TIME = "RequestedTime"
    RETENTION = "Retention"
    ROLLBACK_WINDOW = "RollbackWindow"
    RENEWAL = "Renewal"
    ENDPOINTS = "Endpoints"
    URLS = "Urls"
    SUCCESSOR = "Successor"
    SUSPEND = "Suspend"


class EventReason(StrEnum):
    """Reasons of Events and of `status.history`: past tense, only for what really happened."""

    KEY_PUBLISHED = "KeyPublished"
    KEY_IMPORTED = "KeyImported"
    KEY_ACTIVATED = "KeyActivated"
    KEY_RETIRED = "KeyRetired"
    KEY_ROLLED_BACK = "KeyRolledBack"
    ROTATION_REFUSED = "RotationRefused"
    ROLLBACK_REFUSED = "RollbackRefused"
    PRIVATE_HALF_DESTROYED = "PrivateHalfDestroyed"
    KEY_DESTROYED = "KeyDestroyed"
    KEY_REVOKED = "KeyRevoked"
    KEY_WITHDRAWN = "KeyWithdrawn"
    CERTIFICATE_RENEWED = "CertificateRenewed"
    OBJECT_REPAIRED = "ObjectRepaired"
    KEYRING_REBUILT = "KeyringRebuilt"
    KEYS_LOST = "KeysLost"
    RECORD_RESTORED = "RecordRestored"
    COPY_MADE = "CopyMade"
    COPY_REMOVED = "CopyRemoved"
    OBJECTS_RENAMED = "ObjectsRenamed"
    OBJECTS_REMOVED = "ObjectsRemoved"
    WORKLOAD_RESTARTED = "WorkloadRestarted"
    NOTHING_RESTARTED = "NothingRestarted"
    PODS_REFRESHED = "PodsRefreshed"
    POD_REFRESH_FAILED = "PodRefreshFailed"
