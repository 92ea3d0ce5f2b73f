"""Swaps of the mounted Secret: the active key signs, from the moment of the swap, and no call fails."""

import threading
from pathlib import Path

import jwt

from jwks_operator.keys.secret_files import Form
from serve.running import until
from sign.running import claims, make_key, secret_files, signing

SWAPS = 100


def test_no_call_fails_and_no_key_signs_that_is_not_active_through_100_swaps(tmp_path: Path) -> None:
    keys = [make_key("ES256", number) for number in range(8)]
    order = [keys[number % len(keys)] for number in range(SWAPS + 1)]
    swapping, swapped = [0], [0]  # the last swap that began, and the last that was complete
    problems: list[object] = []
    kids: set[str] = set()
    calls = [0]
    with signing(tmp_path, secret_files("web", order[0])) as signer:

        def call() -> None:
            client = signer.client()
            while swapped[0] < SWAPS:
                complete = swapped[0]
                answer = client.post({"claims": claims()})
                begun = swapping[0]
                possible = {key.kid for key in order[complete : begun + 1]}
                kid = answer.json.get("kid")
                calls[0] += 1
                kids.add(str(kid))
                if answer.status != 200 or kid not in possible:
                    problems.append((answer, possible))
                if jwt.get_unverified_header(str(answer.json.get("token")))["kid"] != kid:
                    problems.append(answer)
            client.close()

        threads = [threading.Thread(target=call) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(1, SWAPS + 1):
            before = calls[0]
            swapping[0] = number
            signer.mount(secret_files("web", order[number]))
            swapped[0] = number
            until(lambda before=before: calls[0] > before or problems)  # type: ignore[misc]
        for thread in threads:
            thread.join()
        last = signer.post({"claims": claims()})
    assert problems == []
    assert last.json["kid"] == order[-1].kid
    assert kids == {key.kid for key in keys}


def test_a_key_whose_successor_cannot_be_read_signs_no_more_and_the_same_key_goes_on(tmp_path: Path) -> None:
    first, second = make_key("ES256"), make_key("ES256", 1)
    with signing(tmp_path, secret_files("web", first)) as signer:
        signer.mount({**secret_files("web", first), "web.jwk": b"{"})
        assert signer.post({"claims": claims()}).json["kid"] == first.kid
        until(lambda: "entry web: " in signer.log)
        signer.mount({**secret_files("web", second), "web.jwk": b"{"})
        refused = signer.post({"claims": claims()})
        assert (refused.status, refused.code, refused.headers["Retry-After"]) == (503, "no-key", "5")
        signer.mount(secret_files("web", second))
        assert signer.post({"claims": claims()}).json["kid"] == second.kid


def test_a_revoked_entry_signs_no_more(tmp_path: Path) -> None:
    key = make_key("ES256")
    with signing(tmp_path, secret_files("web", key)) as signer:
        signer.mount({})
        assert signer.post({"claims": claims()}).status == 503
        assert signer.post({"entry": "web", "claims": claims()}).status == 404


def test_a_directory_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    key = make_key("ES256")
    with signing(tmp_path, secret_files("web", key)) as signer:
        signer.volume.rename(tmp_path / "elsewhere")
        until(lambda: "cannot be read" in signer.log)
        assert signer.post({"claims": claims()}).json["kid"] == key.kid


def test_a_signer_without_keys_starts_and_takes_them_when_they_come(tmp_path: Path) -> None:
    key = make_key("ES256")
    with signing(tmp_path, {}) as signer:
        assert signer.post({"claims": claims()}).code == "no-key"
        signer.mount(secret_files("web", key, Form.JWK_SET, (make_key("ES256", 1),)))
        assert signer.post({"claims": claims()}).json["kid"] == key.kid


def test_a_plain_directory_is_followed_too(tmp_path: Path) -> None:
    first, second = make_key("ES256"), make_key("ES256", 1)
    with signing(tmp_path, {}) as signer:
        for key in (first, second):
            for name, content in secret_files("web", key).items():
                (signer.volume / name).write_bytes(content)
            until(lambda key=key: signer.post({"claims": claims()}).json.get("kid") == key.kid)  # type: ignore[misc]
