"""The names of the known readers, and what the table says of each one."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Reader(StrEnum):
    """Known readers by name."""

    KUBE_APISERVER = "KubeApiserver"
    GO_OIDC = "GoOidc"
    GO_JOSE = "GoJose"
    KEYFUNC = "Keyfunc"
    JWX = "Jwx"
    OAUTH2_PROXY = "OAuth2Proxy"
    ISTIO = "Istio"
    ENVOY = "Envoy"
    ENVOY_GATEWAY = "EnvoyGateway"
    KRAKEND = "KrakenD"
    KONG = "Kong"
    APISIX = "Apisix"
    NGINX_PLUS = "NginxPlus"
    MOD_AUTH_OPENIDC = "ModAuthOpenidc"
    DOTNET = "DotNet"
    SPRING_SECURITY = "SpringSecurity"
    NIMBUS = "Nimbus"
    AUTH0_JAVA = "Auth0Java"
    JOSE4J = "Jose4j"
    SMALLRYE = "SmallRye"
    JJWT = "Jjwt"
    TINK = "Tink"
    JWKS_RSA = "JwksRsa"
    JOSE = "Jose"
    PYJWT = "PyJWT"
    RUBY_JWT = "RubyJwt"
    RUST_JSONWEBTOKEN = "RustJsonwebtoken"
    JOSEKIT = "Josekit"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderRow:
    """What one reader does with a published set.

    `refresh` is the longest time it goes without fetching; None if it has no such time (`fetches` says what it does
    instead). `refuses` names each kty, crv and alg for which it refuses a whole set, `refuses_certified` each alg for
    which it does so if the key has a certificate. `names` are the names of Ed25519
    (RFC 8037, RFC 9864) under which it checks tokens. `max_bytes` is the largest set that it reads.
    `measured` tells whether a process of it was tried; else the figures are those of its source or manual.
    """

    title: str
    version: str
    source: str
    refresh: timedelta | None = None
    fetches: str
    unknown_kid: str = "fetches"
    refuses: frozenset[str] = frozenset()
    refuses_certified: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    max_bytes: int | None = None
    remark: str = ""
    measured: bool = True
