"""A tape knows its steps, and fits other sets than the one that it was recorded of."""

import json
from base64 import b64encode
from typing import Any

from scale.generator import Ref
from scale.recorder import Written
from scale.tape import NOTICE, make_tape

REF = Ref("rehearsal-000", "s00000")
HEAD = {"namespace": REF.namespace}
CORE = f"/api/v1/namespaces/{REF.namespace}"


def keyring(method: str, step: str | None) -> Written:
    record = json.dumps({"step": {"transition": step} if step else None, "set": REF.name})
    metadata = {**HEAD, "name": "s00000-keyring", "uid": "u", "resourceVersion": "7"}
    body = {"metadata": metadata, "data": {"record.json": b64encode(record.encode()).decode()}}
    return Written(method, f"{CORE}/secrets/s00000-keyring?fieldManager=x", "application/json", body)


def configmap() -> Written:
    body = {"metadata": {**HEAD, "name": "s00000"}, "data": {"jwks.json": '{"keys":[]}'}}
    return Written("POST", f"{CORE}/configmaps", "application/json", body)


def status() -> Written:
    body = {"metadata": {**HEAD, "name": "s00000", "uid": "u", "resourceVersion": "9"}, "status": {}}
    return Written("PATCH", f"{REF.path}/status", "application/apply-patch+yaml", body)


RECORDED = [
    keyring("POST", "Bootstrap"), configmap(), keyring("PUT", None), status(),
    status(),
    keyring("PUT", "Activate"), keyring("PUT", None), status(),
    keyring("PUT", "Publish"), configmap(), keyring("PUT", None), status(),
]  # fmt: skip


def test_a_step_is_from_its_intent_to_its_status() -> None:
    assert make_tape(REF, {}, RECORDED).steps() == [("Bootstrap", 4), (NOTICE, 1), ("Activate", 3), ("Publish", 4)]


def test_of_each_kind_the_first_step_is_taken() -> None:
    twice = make_tape(REF, {}, [*RECORDED, *RECORDED[5:8]])
    assert twice.of("Activate", "Publish").steps() == [("Activate", 3), ("Publish", 4)]
    assert twice.of("Destroy").writes == ()


def test_nothing_names_the_set_but_the_record_itself() -> None:
    for write in make_tape(REF, {}, RECORDED).writes:
        assert REF.namespace not in write.path + write.body
        assert REF.name not in write.path
        assert REF.name not in json.dumps(json.loads(write.body)["metadata"])


def test_what_is_read_names_no_set() -> None:
    read = [REF.path, f"{CORE}/secrets/s00000-keyring"]
    assert make_tape(REF, {}, RECORDED, read).reads == (
        "/apis/jwks-operator.dev/v1beta1/namespaces/%namespace%/jsonwebkeysets/%name%",
        "/api/v1/namespaces/%namespace%/secrets/%name%-keyring",
    )


def test_uid_and_version_are_gaps_where_there_were_any() -> None:
    writes = make_tape(REF, {}, RECORDED).writes
    metadata: list[dict[str, Any]] = [json.loads(write.body)["metadata"] for write in writes]
    gaps = {"uid": "%uid%", "resourceVersion": "%version%"}
    assert metadata[0] == {"namespace": "%namespace%", "name": "%name%-keyring", **gaps}
    assert metadata[1] == {"namespace": "%namespace%", "name": "%name%"}


def test_writes_of_other_sets_are_left_out() -> None:
    other = Written("POST", "/api/v1/namespaces/b/configmaps", "application/json", {"metadata": {"namespace": "b"}})
    assert make_tape(REF, {}, [other]).writes == ()
