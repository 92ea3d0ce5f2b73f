"""oauth2-proxy, built from its Go module, lets requests with tokens of a set pass through its whole life."""

import ssl
from pathlib import Path

import pytest

from clients.following import Issuer, follow, serving
from clients.gateways import ask, oauth2_proxy
from serve.certificates import pair

pytestmark = pytest.mark.timeout(1800)
AUDIENCE = "api"
CLAIMS = {"aud": AUDIENCE, "email": "alice@example.com"}


async def check(issuer: Issuer, url: str) -> None:
    def refusal(token: str) -> str | None:
        status = ask(f"{url}/", token)
        return None if status == 200 else str(status)

    revoked = await follow(issuer, refusal, lambda: None)
    assert refusal(revoked) is not None, "it has fetched for the successor, and keeps only what it found"
    assert ask(f"{url}/") == 401


async def test_it_follows_a_set_of_rs256_keys_without_discovery() -> None:
    """Without a discovery document it asks for the set below the issuer, and checks RS256 alone."""
    with serving() as server:
        uri = server.uri("oauth2-proxy")
        issuer = Issuer(server, iss=uri, **CLAIMS)
        await issuer.begin("RS256")
        with oauth2_proxy("--client-id=x", f"--extra-jwt-issuers={uri}={AUDIENCE}") as url:
            await check(issuer, url)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
async def test_it_follows_a_set_that_it_finds_by_our_discovery_document(algorithm: str, tmp_path: Path) -> None:
    """It takes the algorithms from there, so it checks ES256 and EdDSA, too."""
    for name, content in pair(1).items():
        (tmp_path / name).write_bytes(content)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    with serving(tls) as server:
        uri = server.uri("oauth2-proxy")
        issuer = Issuer(server, iss=uri, **CLAIMS)
        await issuer.begin(algorithm)
        options = ("--client-id=x", f"--extra-jwt-issuers={uri}={AUDIENCE}")
        with oauth2_proxy(*options, trusted=tmp_path / "tls.crt") as url:
            await check(issuer, url)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
async def test_it_follows_a_set_whose_url_and_algorithm_it_was_told(algorithm: str) -> None:
    with serving() as server:
        uri = server.uri("oauth2-proxy")
        issuer = Issuer(server, iss=uri, **CLAIMS)
        await issuer.begin(algorithm)
        told = (f"--oidc-jwks-url={uri}", f"--oidc-enabled-signing-alg={algorithm}", f"--client-id={AUDIENCE}")
        ends = (f"--login-url={uri}/login", f"--redeem-url={uri}/token")
        provider = ("--provider=oidc", f"--oidc-issuer-url={uri}", "--skip-oidc-discovery=true")
        with oauth2_proxy(*provider, *told, *ends) as url:
            await check(issuer, url)
