"""Every algorithm, in every form, in every library: what docs/algorithms.md says is so, no more and no less."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.libraries import LIBRARY_NAMES, REFUSALS, Form, Library, Mounted, NodeLibraries, NodeRefusal, libraries
from clients.limits import SHAPES, Shape, forms_of, works
from clients.matrix import document
from jwks_operator.keys.formats import published, render, render_set
from jwks_operator.keys.generate import generate
from jwks_operator.keys.members import canonical_json
from keys.samples import fresh, is_misread_by_node_jose

# joserfc warns of EdDSA, which RFC 9864 deprecates; that it is there for old clients is the point.
pytestmark = pytest.mark.filterwarnings("ignore:.*:joserfc.errors.SecurityWarning")

PAYLOAD = "a payload, with an ü"
SIGNING = {shape.name for shape in SHAPES if shape.row.use == "sig"}


@pytest.fixture(scope="module")
def every_library() -> Iterator[dict[str, Library]]:
    with NodeLibraries() as node:
        yield libraries(node)


def mounted(shape: Shape, form: Form) -> Mounted:
    """The key as its file in the consumer Secret."""
    key = fresh(shape.algorithm, shape.crv)
    if form == "JWKSet":
        other = fresh(shape.algorithm, shape.crv, 1)
        text = render_set([(one.public, one.private) for one in (other, key)], shape.eddsa_name)
    else:
        text = render(key.public, key.private, form, shape.eddsa_name)
    return Mounted(text.decode(), form, key.kid, shape.name)


def published_set(shape: Shape) -> str | None:
    """The set as its ConfigMap would hold it, with a key that is not the one; nothing for a symmetric key."""
    key, other = fresh(shape.algorithm, shape.crv), fresh("ES256", None, 1)
    if not key.public:
        return None
    return canonical_json({"keys": [published(one.public, shape.eddsa_name) for one in (other, key)]}).decode()


def there_and_back(user: Library, checker: Library, key: Mounted, jwks: str | None) -> str:
    if key.alg in SIGNING:
        return checker.verify(key, jwks, user.sign(key, PAYLOAD))
    return user.decrypt(key, checker.encrypt(key, jwks, PAYLOAD))


@pytest.mark.parametrize("library", LIBRARY_NAMES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_library_uses_what_the_matrix_says(every_library: dict[str, Library], shape: Shape, library: str) -> None:
    tool, jwks = every_library[library], published_set(shape)
    for form in forms_of(shape):
        key = mounted(shape, form)
        if works(shape, library, form):
            assert there_and_back(tool, tool, key, jwks) == PAYLOAD
        else:
            with pytest.raises(REFUSALS):
                there_and_back(tool, tool, key, jwks)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_what_one_library_makes_another_opens(every_library: dict[str, Library], shape: Shape) -> None:
    able = [tool for name, tool in every_library.items() if works(shape, name, "JWK")]
    key, jwks = mounted(shape, "JWK"), published_set(shape)
    for user, checker in zip(able, [*able[1:], able[0]], strict=True):
        assert there_and_back(user, checker, key, jwks) == PAYLOAD


@pytest.mark.parametrize("algorithm", ["ES256", "ES384"])
def test_one_key_in_256_is_no_pem_file_to_node_jose(every_library: dict[str, Library], algorithm: str) -> None:
    key = next(found for found in iter(lambda: generate(algorithm), None) if is_misread_by_node_jose(found))
    tool = every_library["node-jose"]
    assert tool.sign(Mounted(render(key.public, key.private, "JWK").decode(), "JWK", key.kid, algorithm), PAYLOAD)
    with pytest.raises(NodeRefusal):
        tool.sign(Mounted(render(key.public, key.private, "PEM").decode(), "PEM", key.kid, algorithm), PAYLOAD)


def test_the_page_about_algorithms_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "algorithms.md"
    assert page.read_text() == document(), "run make generate"
