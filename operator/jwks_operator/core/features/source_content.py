"""What do the sources of an entry's `import` hold? The facts as gathered, before anything is decided about them."""

from dataclasses import dataclass

from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.policy import EntryPolicy
from jwks_operator.core.model.record import Certificate


@dataclass(frozen=True, slots=True)
class Holding:
    """What one source holds: whole keys or public ones, all of them sound and fit for their entry."""

    keys: tuple[FreshKey, ...]
    followed: bool = False
    """Whether another client keeps the source up to date, and the set follows it (kubernetes.io/tls, external keys)."""
    certificate: Certificate | None = None
    """The certificate that a followed source has for its key."""
    complaint: str = ""
    """Why it has none that could be published, with the cure."""
    left_out: str = ""
    """What else the source holds and why it cannot be taken, with the cure; the rest does not wait for it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a source cannot be used, with the cure; `absent` if it is gone or does not consent."""

    message: str
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one entry, as read in this pass for the entry as it was then; None where it names none."""

    entry: EntryPolicy
    private: Holding | Refusal | None = None
    public: Holding | Refusal | None = None


def is_as_read(read: EntryPolicy, entry: EntryPolicy) -> bool:
    """Tell whether the source was read for what the entry asks for: else what it holds cannot be told."""
    return _asks(read) == _asks(entry)


def _asks(entry: EntryPolicy) -> tuple[object, ...]:
    return entry.algorithm, entry.modulus_length, entry.crv, entry.import_


def names_of(entry: EntryPolicy) -> tuple[str, str]:
    """Return the private and the public source of an entry as the record names them; empty where there is none."""
    wanted = entry.import_
    secret = wanted.secret_ref if wanted is not None else None
    public = wanted.public_ref if wanted is not None else None
    external = wanted.external_ref if wanted is not None else None
    if external is not None:
        return f"ConfigMap/{external.name}/{external.key}", ""
    return (
        "" if secret is None else f"Secret/{secret.name}/{secret.key}",
        "" if public is None else f"ConfigMap/{public.name}/{public.key}",
    )


def private_holding(seen: Sources | None, entry: EntryPolicy) -> Holding | None:
    """Return what an entry's private source holds, if it could be read, and for what the entry asks for."""
    if seen is None or not is_as_read(seen.entry, entry) or not isinstance(seen.private, Holding):
        return None
    return seen.private
