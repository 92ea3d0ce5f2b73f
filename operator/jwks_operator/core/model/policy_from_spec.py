"""The one way from a spec to a policy: every default is resolved, nothing is checked."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jwks_operator.api import spec as api
from jwks_operator.api.certificate_spec import Certificate as CertificateSpec
from jwks_operator.api.defaults import DEFAULT_EVERY, DEFAULTS
from jwks_operator.api.import_spec import External as ExternalSpec
from jwks_operator.api.import_spec import Import as ImportSpec
from jwks_operator.api.import_spec import ObjectKeyRef
from jwks_operator.api.readers import default_eddsa_name
from jwks_operator.api.set_choices import PodRefresh
from jwks_operator.core.model.policy import (
    NO_FACTS,
    NOTHING,
    CertificateTerms,
    ConfigMapTarget,
    Document,
    EntryPolicy,
    Freeze,
    Import,
    Policy,
    Publish,
    Restart,
    Revocation,
    Rotation,
    SecretTarget,
    SeenAt,
    Source,
    Window,
)
from jwks_operator.keys.algorithms import ALGORITHMS
from jwks_operator.keys.naming import EddsaName

_MOST = 32
_derived: dict[int, tuple[api.JsonWebKeySetSpec, Policy]] = {}
"""By identity, the policies of the specs that passes work on: each of them asks for its own a dozen times."""


def policy_from_spec(spec: api.JsonWebKeySetSpec) -> Policy:
    """Return the policy that a spec asks for, every default resolved. It need not have passed the checks."""
    if id(spec) not in _derived:
        if len(_derived) >= _MOST:
            _derived.clear()
        _derived[id(spec)] = spec, _derive(spec)  # the spec too, so that no other one gets its identity
    return _derived[id(spec)][1]


def _derive(spec: api.JsonWebKeySetSpec) -> Policy:
    restart = spec.secret.restart
    facts: dict[str, Any] = {name: spec.fact(name) for name in DEFAULTS}
    return Policy(
        keys=tuple(_entry(entry, spec.rotation_of(entry)) for entry in spec.keys),
        rotation=_rotation(spec.rotation),
        facts=replace(NO_FACTS, **facts, restart=NOTHING if restart is None else restart.takes),
        lead=spec.timing.lead,
        retention=spec.timing.retention,
        revoked=tuple(Revocation(one.kid, one.created_before, one.reason.value) for one in spec.revoked),
        held=spec.held,
        publish=_publish(spec.publish, default_eddsa_name(spec.readers)),
        secret=SecretTarget(
            spec.secret.name,
            spec.secret.formats,
            spec.secret.labels,
            spec.secret.annotations,
            _if_given(restart, lambda given: Restart("" if given.selector is None else str(given.selector))),
        ),
        pod_refresh=spec.pod_refresh or PodRefresh.ON_EMERGENCY,
        recovery=spec.recovery,
        deletion_policy=spec.deletion_policy,
        suspend=spec.suspend,
    )


def _if_given(value: Any, derive: Callable[[Any], Any]) -> Any:
    return None if value is None else derive(value)


def _entry(entry: api.KeyEntry, rotation: api.Rotation) -> EntryPolicy:
    row = ALGORITHMS.get(entry.algorithm)
    curves = () if row is None else row.curves
    return EntryPolicy(
        entry.name,
        entry.algorithm,
        entry.modulus_length or (None if row is None or entry.external else row.default_modulus_length),
        (entry.crv or curves[0]) if len(curves) > 1 else None,
        _rotation(rotation),
        _external(entry.external) if entry.external else _if_given(entry.import_, _import),
        _if_given(entry.certificate, lambda given: _certificate(given, entry.name)),
    )


def _rotation(rotation: api.Rotation) -> Rotation:
    by_hand = rotation.policy is api.RotationPolicy.MANUAL
    every = None if rotation.schedule is not None else rotation.every or DEFAULT_EVERY
    return Rotation(
        every=None if by_hand else every,
        schedule=None if by_hand else rotation.schedule,
        time_zone=rotation.time_zone or "UTC",
        windows=tuple(Window(one.schedule, one.duration) for one in rotation.windows or ()),
        freezes=tuple(Freeze(one.from_, one.to) for one in rotation.freezes or ()),
        jitter=rotation.jitter or NOTHING,
        prepublish=rotation.prepublish,
        rollback_window=rotation.rollback_window,
    )


def _import(given: ImportSpec) -> Import:
    return Import(_if_given(given.secret_ref, _source), _if_given(given.public_ref, _source))


def _external(given: ExternalSpec) -> Import:
    return Import(external_ref=_source(given.config_map_ref))


def _source(ref: ObjectKeyRef) -> Source:
    return Source(ref.name, ref.key)


def _certificate(given: CertificateSpec, entry: str) -> CertificateTerms:
    ca = None if given.ca_secret_ref is None else given.ca_secret_ref.name
    return CertificateTerms(given.common_name or entry, ca, given.names, given.life, given.renew_before)


def _publish(given: api.Publish, eddsa_name: EddsaName) -> Publish:
    target = given.config_map
    return Publish(
        ConfigMapTarget(target.name, target.key, target.aliases, target.labels, target.annotations),
        documents=tuple(Document(d.name, d.entries, d.format, d.aliases, d.paths) for d in given.documents),
        issuer=given.issuer,
        jwks_uri=given.jwks_uri,
        discovery=given.discovery or {},
        paths=() if given.paths is None else given.paths.jwks or (),
        media_type=given.media_type,
        eddsa_name=given.eddsa_name or eddsa_name,
        allow_origins=None if given.cors is None else given.cors.allow_origins,
        historical=given.historical,
        max_keys=given.max_keys,
        service_name=given.service_name,
        seen_at=tuple(SeenAt(one.url, one.document) for one in given.seen_at),
        namespaces=_if_given(given.namespaces, str),
    )
