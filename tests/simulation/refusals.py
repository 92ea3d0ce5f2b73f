"""Writes that the server will not do, as admission plugins and webhooks say it."""

from fakes.apiserver import FakeApiServer
from fakes.faults import Fault, Where
from fakes.status import status
from jwks_operator.kube.client import Call, Reply


class Refusal(Fault):
    """The server refuses for as long as this is in force, in these words."""

    def __init__(self, where: Where, code: int, reason: str, message: str) -> None:
        super().__init__(where, times=10**9)
        self._code, self._body = code, status(code, reason, message)

    async def before(self, _number: int, _call: Call, _server: FakeApiServer) -> Reply | None:
        return Reply(self._code, {}, self._body)


def over_quota(where: Where) -> Refusal:
    """ResourceQuota: nothing more can be created."""
    text = "is forbidden: exceeded quota: small, requested: count/objects=1, used: 5, limited: 5"
    return Refusal(where, 403, "Forbidden", text)


def unwelcome(where: Where, code: int) -> Refusal:
    """A validating webhook denies; it may answer with any code of its own."""
    text = 'admission webhook "policy.example.com" denied the request: not today'
    return Refusal(where, code, "Forbidden" if code == 403 else "BadRequest", text)
