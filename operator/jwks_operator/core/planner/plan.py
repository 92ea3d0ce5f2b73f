"""The case that the rules decide on, and the plan that comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jwks_operator.core.features.imports import Offers
from jwks_operator.core.features.signed_artifacts import Artifact
from jwks_operator.core.model.key_states import FreshKey
from jwks_operator.core.model.observed_state import ObservedState, Reading
from jwks_operator.core.model.policy import Policy, SafetyFields
from jwks_operator.core.model.record import Record
from jwks_operator.core.model.trouble import Trouble
from jwks_operator.core.planner.candidate import Candidates
from jwks_operator.core.planner.endpoint_gate import Lag, Question
from jwks_operator.core.planner.key_requests import Need
from jwks_operator.core.planner.requests import NO_REQUESTS, Requests, Verb, list_outstanding
from jwks_operator.core.planner.set_troubles import find_new_spec_trouble
from jwks_operator.core.planner.url_gate import UrlLag, UrlQuestion

Fresh = Mapping[Need, FreshKey]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now and what to show.

    `record` is the record to be (the one there is, if nothing changes); None means: write nothing at all.
    `needs` are keys to be generated before this plan can be made: generate them and decide again. As long as they are
    not there, `record` is what does not wait for them, mostly the one there is. `artifacts` are certificates and signed
    sets to be made likewise, `asks` is what to ask the endpoints of the Service, and `looks_at` what to ask the URLs.
    `blocked` tells that a clock in doubt withholds something: a due candidate, or the confirmation of a step.
    """

    record: Record | None
    needs: tuple[Need, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    asks: Question | None = None
    looks_at: UrlQuestion | None = None
    troubles: tuple[Trouble, ...] = ()
    candidates: Candidates = ()
    requests: Requests = NO_REQUESTS
    blocked: bool = False
    waiting: tuple[Lag, ...] = ()
    """Keys that wait for the endpoints of the Service, which are asked again while there are any."""
    unseen: tuple[UrlLag, ...] = ()
    """Keys about which the URLs have not agreed yet."""


@dataclass(frozen=True, slots=True)
class Case:
    """The observed state and one clock reading, and what the rules before have made of them."""

    observed: ObservedState
    reading: Reading
    fresh: Fresh
    """Generated keys, offered to the needs of a former answer."""
    written: Policy | None
    """The policy that the written spec asks for, made from it once; None if the spec cannot be read."""
    record: Record | None
    """The record as the rules so far have changed it; None of a set without one."""
    requests: Requests = NO_REQUESTS
    offers: Offers = field(default_factory=dict)
    troubles: tuple[Trouble, ...] = ()
    candidates: Candidates = ()
    due: Candidates = ()
    """The candidates whose time has come and that nothing holds."""
    waiting: tuple[Lag, ...] = ()
    unseen: tuple[UrlLag, ...] = ()

    @property
    def safety_fields(self) -> SafetyFields:
        """What of the written spec counts whether it is acceptable or not."""
        return self.observed.safety_fields_of(self.written)

    @property
    def is_spec_refused(self) -> bool:
        """Whether the written spec cannot be put in force."""
        return find_new_spec_trouble(self.observed, self.written, self.known, self.reading.now) is not None

    @property
    def known(self) -> Record:
        """The record; raises LookupError for a set without one."""
        if self.record is None:
            raise LookupError(f"{self.observed.ref} has no record")
        return self.record

    def with_troubles(self, *found: Trouble) -> "Case":
        """Return the case with these troubles told as well."""
        return replace(self, troubles=(*self.troubles, *found))

    def plan(self, record: Record | None) -> Plan:
        """Return the plan that makes this the record, with everything that is shown."""
        return Plan(
            record,
            troubles=self.troubles,
            candidates=self.candidates,
            requests=self.requests,
            waiting=self.waiting,
            unseen=self.unseen,
        )


def list_urgent_entries(case: Case) -> frozenset[str]:
    """Return the entries with an emergency whose time has come: they wait for no endpoint and no URL."""
    return frozenset(
        entry.name
        for entry in case.known.policy.keys
        for request in list_outstanding(case.known, case.requests, Verb.ROTATE, entry.name)
        if request.emergency and request.time <= case.reading.earliest
    )
