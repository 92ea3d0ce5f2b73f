"""Verifiers in Go and Java follow a set through rotations, a roll-back and a revocation, and refuse no good token."""

from collections.abc import Iterator

import pytest

from clients.following import Issuer, follow, serving
from clients.foreign_verifiers import GO_LIBRARIES, JAVA_LIBRARIES, Verifiers, has_java, start_go, start_java

pytestmark = pytest.mark.timeout(900)
REFRESH = 1.0
BY_TIME = ("keyfunc", "jwx")
"""Libraries that fetch by time; the others fetch for an unknown kid."""
FORGETS = ("keyfunc", "jwx", "go-oidc", "jose4j")
"""Libraries that drop a revoked key with the next fetch, which the successor's first token brings at the latest."""


async def check(verifiers: Verifiers, library: str, algorithm: str) -> None:
    with serving() as server:

        def refusal(token: str) -> str | None:
            return verifiers.verify(library, server.uri(library), token)

        def settle() -> None:
            if library in BY_TIME:
                server.wait_for_fetch(library)

        issuer = Issuer(server)
        await issuer.begin(algorithm)
        revoked = await follow(issuer, refusal, settle)
        if library in FORGETS:
            assert refusal(revoked) is not None


@pytest.fixture(scope="module")
def in_go() -> Iterator[Verifiers]:
    with start_go(REFRESH) as verifiers:
        yield verifiers


@pytest.fixture(scope="module")
def in_java() -> Iterator[Verifiers]:
    if not has_java():
        pytest.skip("needs a JDK and Maven")
    with start_java(REFRESH) as verifiers:
        yield verifiers


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
@pytest.mark.parametrize("library", GO_LIBRARIES)
async def test_a_library_in_go_follows_a_set(in_go: Verifiers, library: str, algorithm: str) -> None:
    await check(in_go, library, algorithm)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256"])
@pytest.mark.parametrize("library", JAVA_LIBRARIES)
async def test_a_library_in_java_follows_a_set(in_java: Verifiers, library: str, algorithm: str) -> None:
    await check(in_java, library, algorithm)
