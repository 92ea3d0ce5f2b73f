"""The messages of ExternalJWTSigner v1 by the reference implementation of Protocol Buffers, and a client by grpcio.

The descriptor is that of `k8s.io/externaljwt/apis/v1/api.proto`, written as protobuf writes descriptors.
"""

from pathlib import Path
from types import TracebackType
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.message import Message

_Field = descriptor_pb2.FieldDescriptorProto
_KINDS: Final = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "bool": _Field.TYPE_BOOL,
    "int64": _Field.TYPE_INT64,
}
_MESSAGES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "SignJWTRequest": (("claims", "string"),),
    "SignJWTResponse": (("header", "string"), ("signature", "string")),
    "Key": (("key_id", "string"), ("key", "bytes"), ("exclude_from_oidc_discovery", "bool")),
    "FetchKeysRequest": (),
    "FetchKeysResponse": (
        ("keys", ".v1.Key"), ("data_timestamp", ".google.protobuf.Timestamp"), ("refresh_hint_seconds", "int64"),
    ),
    "MetadataRequest": (),
    "MetadataResponse": (("max_token_expiration_seconds", "int64"),),
}  # fmt: skip


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="api.proto", package="v1", syntax="proto3")
    file.dependency.append(timestamp_pb2.DESCRIPTOR.name)
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, (field, kind) in enumerate(fields, start=1):
            label = _Field.LABEL_REPEATED if field == "keys" else _Field.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            added.type = _KINDS.get(kind, _Field.TYPE_MESSAGE)
            if kind not in _KINDS:
                added.type_name = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return pool


_POOL: Final = _pool()


def message(name: str, **fields: Any) -> Any:
    """Return a message of the package v1."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"v1.{name}"))(**fields)


def parsed(name: str, content: bytes) -> Any:
    """Return what the octets say; raises DecodeError."""
    found: Message = message(name)
    found.ParseFromString(content)
    return found


class Caller:
    """A client of the signer as kube-apiserver has one: grpc-core, one connection, waiting for the server."""

    def __init__(self, path: Path) -> None:
        options = [
            ("grpc.default_authority", "localhost"),
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.max_reconnect_backoff_ms", 200),
            ("grpc.initial_reconnect_backoff_ms", 50),
        ]
        self._channel = grpc.insecure_channel(f"unix:{path}", options)

    def __enter__(self) -> "Caller":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._channel.close()

    def call(self, method: str, request: Any, answer: str) -> Any:
        """Carry out one call; raises RpcError."""
        stub: Any = self._channel.unary_unary(f"/v1.ExternalJWTSigner/{method}")
        return parsed(answer, stub(request.SerializeToString(), timeout=60, wait_for_ready=True))

    def sign(self, segment: str) -> Any:
        return self.call("Sign", message("SignJWTRequest", claims=segment), "SignJWTResponse")

    def fetch_keys(self) -> Any:
        return self.call("FetchKeys", message("FetchKeysRequest"), "FetchKeysResponse")

    def metadata(self) -> Any:
        return self.call("Metadata", message("MetadataRequest"), "MetadataResponse")

    def refusal(self, method: str, request: Any) -> tuple[str, str]:
        """Carry out a call that must be refused; return the name of its status and the text."""
        try:
            self.call(method, request, "SignJWTResponse")
        except grpc.RpcError as error:
            return error.code().name, error.details() or ""
        raise AssertionError(f"{method} was not refused")
