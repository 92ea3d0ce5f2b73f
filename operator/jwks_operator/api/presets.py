"""Known verifiers and how long each works without fetching the published set: one table for planner, CEL and docs.

A preset replaces defaults; a stated fact wins. Each row names where its figure is
documented. Figures are those of the verifier's own defaults, and the longest ones where versions differ: a user
who changed them states `verifierRefresh`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from jwks_operator.api.durations import parse_duration


class Preset(StrEnum):
    """Known verifiers, each with its timing facts."""

    ISTIO = "Istio"
    ENVOY = "Envoy"
    ENVOY_GATEWAY = "EnvoyGateway"
    DOTNET = "DotNet"
    JWKS_RSA = "JwksRsa"
    JOSE = "Jose"
    SPRING_SECURITY = "SpringSecurity"
    NIMBUS = "Nimbus"
    PYJWT = "PyJWT"


@dataclass(frozen=True, slots=True)
class Verifier:
    """A row: facts by attribute of Timing, what they come from, and where that is documented."""

    facts: Mapping[str, timedelta]
    what: str
    source: str


def _refresh(duration: str, what: str, source: str) -> Verifier:
    return Verifier(MappingProxyType({"verifier_refresh": parse_duration(duration)}), what, source)


_ENVOY = "https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/jwt_authn/v3/config.proto"

PRESETS: Mapping[Preset, Verifier] = MappingProxyType(
    {
        Preset.ISTIO: _refresh(
            "20m",
            "istiod fetches every PILOT_JWT_PUB_KEY_REFRESH_INTERVAL, and not for an unknown kid",
            "https://github.com/istio/istio/blob/master/releasenotes/notes/30014.yaml",
        ),
        Preset.ENVOY: _refresh("10m", "cache_duration of remote_jwks in the jwt_authn filter", _ENVOY),
        Preset.ENVOY_GATEWAY: _refresh(
            "5m", "cacheDuration of remoteJWKS in a SecurityPolicy", "https://github.com/envoyproxy/gateway/pull/6641"
        ),
        Preset.DOTNET: _refresh(
            "24h",
            "AutomaticRefreshInterval of ConfigurationManager: 12h, 24h in older versions",
            "https://learn.microsoft.com/en-us/dotnet/api/"
            "microsoft.identitymodel.protocols.configurationmanager-1.defaultautomaticrefreshinterval",
        ),
        Preset.JWKS_RSA: _refresh(
            "10h",
            "cacheMaxAge of jwks-rsa for Node.js: 10m, 10h in version 1",
            "https://github.com/auth0/node-jwks-rsa/blob/master/EXAMPLES.md",
        ),
        Preset.JOSE: _refresh(
            "10m",
            "cacheMaxAge of createRemoteJWKSet",
            "https://github.com/panva/jose/blob/main/docs/jwks/remote/interfaces/RemoteJWKSetOptions.md",
        ),
        Preset.SPRING_SECURITY: _refresh(
            "5m",
            "the cache of NimbusJwtDecoder",
            "https://docs.spring.io/spring-security/reference/servlet/oauth2/resource-server/jwt.html",
        ),
        Preset.NIMBUS: _refresh(
            "5m",
            "DEFAULT_CACHE_TIME_TO_LIVE of JWKSourceBuilder",
            "https://www.javadoc.io/doc/com.nimbusds/nimbus-jose-jwt/latest/com/nimbusds/jose/jwk/source/"
            "JWKSourceBuilder.html",
        ),
        Preset.PYJWT: _refresh(
            "5m",
            "lifespan of PyJWKClient",
            "https://github.com/jpadilla/pyjwt/blob/master/jwt/jwks_client.py",
        ),
    }
)


def preset_value(preset: Preset | None, attribute: str) -> timedelta | None:
    """Return the value of a fact in a preset; None if the preset does not set it."""
    return None if preset is None else PRESETS[preset].facts.get(attribute)


def presets_by_value(attribute: str) -> Mapping[timedelta, tuple[Preset, ...]]:
    """Return the value of a fact in each preset that sets it."""
    found: dict[timedelta, tuple[Preset, ...]] = {}
    for preset, verifier in PRESETS.items():
        if attribute in verifier.facts:
            value = verifier.facts[attribute]
            found[value] = (*found.get(value, ()), preset)
    return found
