"""The known readers of published sets, one row each; admission, planner, plugin and docs/readers.md are made from it.

A reader is a program or library that fetches a JWK Set and checks signatures with it. The figures are those of its own
defaults, and the longest ones where its releases differ.
"""

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from jwks_operator.api.durations import parse_duration
from jwks_operator.api.reader_row import Reader, ReaderRow
from jwks_operator.keys.algorithms import ALGORITHMS, EDDSA

_OLD: Final = frozenset({EDDSA})
_BOTH: Final = frozenset({EDDSA, "Ed25519"})
_UNKNOWN_TO_GO_JOSE: Final = frozenset({"AKP", "secp256k1", "Ed448", "X25519", "X448"})
_KNOWN_TO_TINK: Final = frozenset(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512))
_ENVOY: Final = "https://www.envoyproxy.io/docs/envoy/latest/api-v3/extensions/filters/http/jwt_authn/v3/config.proto"
_HOUR: Final = parse_duration("1h")
_DAY: Final = parse_duration("24h")


_GO = {
    Reader.KUBE_APISERVER: ReaderRow(
        title="kube-apiserver",
        version="1.36, 1.37 (go-oidc 2.5, go-jose 2.6)",
        source="https://github.com/kubernetes/kubernetes/blob/master/go.mod",
        fetches="for an unknown kid, once max-age is over, except for its last 30 s",
        refuses=_UNKNOWN_TO_GO_JOSE,
        remark="finds the set by discovery over HTTPS",
    ),
    Reader.GO_OIDC: ReaderRow(
        title="go-oidc",
        version="3.21.0",
        source="https://github.com/coreos/go-oidc/blob/v3/oidc/jwks.go",
        fetches="for an unknown kid only",
        names=_OLD,
    ),
    Reader.GO_JOSE: ReaderRow(
        title="go-jose, JSONWebKeySet",
        version="4.1.9",
        source="https://github.com/go-jose/go-jose/blob/main/jwk.go",
        fetches="does not fetch: your program does",
        unknown_kid="–",
        refuses=_UNKNOWN_TO_GO_JOSE,
        names=_OLD,
    ),
    Reader.KEYFUNC: ReaderRow(
        title="keyfunc",
        version="3.9.2",
        source="https://github.com/MicahParks/keyfunc",
        refresh=_HOUR,
        fetches="every hour",
        unknown_kid="fetches, once in 5 minutes",
        refuses=frozenset({"AKP", "secp256k1", "Ed448", "X448"}),
        refuses_certified=frozenset({"Ed25519"}),
        names=_OLD,
        remark="an Ed25519 key under its newer name and with `x5c` empties it",
    ),
    Reader.JWX: ReaderRow(
        title="jwx, jwk.Cache",
        version="3.4.0",
        source="https://github.com/lestrrat-go/jwx/blob/develop/v3/docs/04-jwk.md",
        refresh=parse_duration("15m"),
        fetches="after max-age, but not before 15 minutes",
        unknown_kid="does not fetch",
        refuses=frozenset({"AKP", "secp256k1", "Ed448"}),
        names=_BOTH,
        remark="reads Ed448 under the name EdDSA alone",
    ),
}

_GATEWAYS = {
    Reader.OAUTH2_PROXY: ReaderRow(
        title="oauth2-proxy",
        version="7.15.6 (go-oidc 3.21)",
        source="https://github.com/oauth2-proxy/oauth2-proxy/blob/master/go.mod",
        fetches="for an unknown kid only",
        names=_OLD,
    ),
    Reader.ISTIO: ReaderRow(
        title="Istio, RequestAuthentication",
        version="main of August 2026 (istiod fetches, Envoy reads)",
        source="https://github.com/istio/istio/blob/master/pilot/pkg/features/pilot.go",
        refresh=parse_duration("20m"),
        fetches="every 20 minutes, PILOT_JWT_PUB_KEY_REFRESH_INTERVAL",
        unknown_kid="does not fetch",
        names=_OLD,
        measured=False,
    ),
    Reader.ENVOY: ReaderRow(
        title="Envoy, remote_jwks",
        version="1.40.0",
        source=_ENVOY,
        refresh=parse_duration("10m"),
        fetches="after cache_duration, 10 minutes",
        unknown_kid="does not fetch",
        names=_OLD,
        remark="skips what it cannot read; older releases stop at the first such key",
    ),
    Reader.ENVOY_GATEWAY: ReaderRow(
        title="Envoy Gateway, remoteJWKS",
        version="1.5",
        source="https://github.com/envoyproxy/gateway/pull/6641",
        refresh=parse_duration("5m"),
        fetches="after cacheDuration, 5 minutes",
        unknown_kid="does not fetch",
        names=_OLD,
        measured=False,
    ),
    Reader.KRAKEND: ReaderRow(
        title="KrakenD",
        version="2.13 (krakend-jose of April 2026, go-jose 3.0.5)",
        source="https://github.com/krakend/krakend-jose/blob/master/jwk.go",
        refresh=parse_duration("15m"),
        fetches="for each token; with `cache: true` after cache_duration, 15 minutes, for each kid",
        refuses=_UNKNOWN_TO_GO_JOSE,
        names=_OLD,
        measured=False,
    ),
    Reader.KONG: ReaderRow(
        title="Kong, openid-connect",
        version="3.14",
        source="https://developer.konghq.com/plugins/openid-connect/reference/",
        fetches="for an unknown kid only",
        unknown_kid="fetches, once in 30 s (rediscovery_lifetime)",
        measured=False,
    ),
    Reader.APISIX: ReaderRow(
        title="APISIX, openid-connect (lua-resty-openidc)",
        version="1.8",
        source="https://github.com/zmartzone/lua-resty-openidc/blob/master/lib/resty/openidc.lua",
        refresh=_DAY,
        fetches="after jwk_expires_in, 24 hours",
        remark="reads RSA keys alone",
        measured=False,
    ),
    Reader.NGINX_PLUS: ReaderRow(
        title="NGINX Plus, auth_jwt_key_request",
        version="1.29",
        source="https://nginx.org/en/docs/http/ngx_http_auth_jwt_module.html",
        refresh=timedelta(),
        fetches="for each request; a proxy_cache in front of it is `edgeCache`, and auth_jwt_key_cache is 0 by default",
        unknown_kid="–",
        names=_OLD,
        measured=False,
    ),
    Reader.MOD_AUTH_OPENIDC: ReaderRow(
        title="mod_auth_openidc",
        version="2.4.12",
        source="https://github.com/OpenIDC/mod_auth_openidc/blob/master/auth_openidc.conf",
        refresh=_HOUR,
        fetches="after OIDCJWKSRefreshInterval, 1 hour",
        remark="skips OKP keys",
    ),
}

_LIBRARIES = {
    Reader.DOTNET: ReaderRow(
        title=".NET, ConfigurationManager",
        version="8 (12 hours), 5 (24 hours)",
        source="https://learn.microsoft.com/en-us/dotnet/api/"
        "microsoft.identitymodel.protocols.configurationmanager-1.defaultautomaticrefreshinterval",
        refresh=_DAY,
        fetches="after AutomaticRefreshInterval, 12 hours; 24 in older versions",
        unknown_kid="fetches, once in 5 minutes",
        measured=False,
    ),
    Reader.SPRING_SECURITY: ReaderRow(
        title="Spring Security, NimbusJwtDecoder",
        version="6.5.3 (Nimbus 10)",
        source="https://docs.spring.io/spring-security/reference/servlet/oauth2/resource-server/jwt.html",
        refresh=parse_duration("5m"),
        fetches="after 5 minutes",
        unknown_kid="fetches, once in 30 s",
        max_bytes=50 * 1024,
        remark="reads for 500 ms at most; no OKP keys",
    ),
    Reader.NIMBUS: ReaderRow(
        title="Nimbus JOSE+JWT, JWKSourceBuilder",
        version="10.10",
        source="https://www.javadoc.io/doc/com.nimbusds/nimbus-jose-jwt/latest/com/nimbusds/jose/jwk/source/"
        "JWKSourceBuilder.html",
        refresh=parse_duration("5m"),
        fetches="after 5 minutes",
        unknown_kid="fetches, once in 30 s",
        max_bytes=50 * 1024,
        remark="reads for 500 ms at most; no OKP keys",
    ),
    Reader.AUTH0_JAVA: ReaderRow(
        title="auth0 jwks-rsa for Java",
        version="0.24.2",
        source="https://github.com/auth0/jwks-rsa-java",
        refresh=parse_duration("10h"),
        fetches="after 10 hours for each kid, of which it keeps 5",
        unknown_kid="fetches, 10 times a minute",
        remark="no OKP keys",
    ),
    Reader.JOSE4J: ReaderRow(
        title="jose4j, HttpsJwks",
        version="0.9.7",
        source="https://bitbucket.org/b_c/jose4j/wiki/JWT%20Examples",
        refresh=_HOUR,
        fetches="after max-age, else 1 hour",
        names=_OLD,
    ),
    Reader.SMALLRYE: ReaderRow(
        title="SmallRye JWT",
        version="4.6.3 (jose4j)",
        source="https://smallrye.io/docs/smallrye-jwt/configuration.html",
        refresh=_HOUR,
        fetches="after max-age, else 1 hour",
        names=_OLD,
    ),
    Reader.JJWT: ReaderRow(
        title="jjwt",
        version="0.13",
        source="https://github.com/jwtk/jjwt",
        fetches="does not fetch: your program does",
        unknown_kid="–",
        names=_OLD,
    ),
    Reader.TINK: ReaderRow(
        title="Tink, JwkSetConverter",
        version="1.24",
        source="https://developers.google.com/tink/jwt",
        fetches="does not fetch: your program does",
        unknown_kid="–",
        refuses=frozenset({*ALGORITHMS, EDDSA} - _KNOWN_TO_TINK),
    ),
    Reader.JWKS_RSA: ReaderRow(
        title="jwks-rsa for Node.js, with jsonwebtoken",
        version="4.1",
        source="https://github.com/auth0/node-jwks-rsa/blob/master/EXAMPLES.md",
        refresh=parse_duration("10m"),
        fetches="after 10 minutes for each kid (10 hours in version 1)",
        remark="no OKP keys",
    ),
    Reader.JOSE: ReaderRow(
        title="jose for JavaScript, createRemoteJWKSet",
        version="6",
        source="https://github.com/panva/jose/blob/main/docs/jwks/remote/interfaces/RemoteJWKSetOptions.md",
        refresh=parse_duration("10m"),
        fetches="after cacheMaxAge, 10 minutes",
        unknown_kid="fetches, once in 30 s",
        names=_BOTH,
    ),
    Reader.PYJWT: ReaderRow(
        title="PyJWT, PyJWKClient",
        version="2",
        source="https://github.com/jpadilla/pyjwt/blob/master/jwt/jwks_client.py",
        refresh=parse_duration("5m"),
        fetches="after lifespan, 5 minutes",
        names=_OLD,
    ),
    Reader.RUBY_JWT: ReaderRow(
        title="ruby-jwt",
        version="2.5",
        source="https://github.com/jwt/ruby-jwt",
        fetches="for an unknown kid, by your loader",
    ),
    Reader.RUST_JSONWEBTOKEN: ReaderRow(
        title="jsonwebtoken for Rust",
        version="12",
        source="https://docs.rs/jsonwebtoken",
        fetches="does not fetch: your program does",
        unknown_kid="–",
        names=_OLD,
    ),
    Reader.JOSEKIT: ReaderRow(
        title="josekit for Rust",
        version="of November 2026",
        source="https://docs.rs/josekit",
        fetches="does not fetch: your program does",
        unknown_kid="–",
    ),
}

READERS: Final[Mapping[Reader, ReaderRow]] = MappingProxyType({**_GO, **_GATEWAYS, **_LIBRARIES})
