"""How a command ends: exit codes, and errors of one line that name the cure."""

from enum import IntEnum
from typing import NoReturn

import click

from jwks_operator.kube.errors import KubeError, Missing, NotConfigured, NotServed, Unavailable


class Exit(IntEnum):
    """The exit codes of every command; public, because scripts depend on them."""

    DONE = 0
    FOUND = 1
    USAGE = 2
    MISSING = 3
    NO_ACCESS = 4
    TIMEOUT = 5
    REFUSED = 6
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done, or nothing to complain about",
    Exit.FOUND: "something is wrong with what was looked at: verify, lint, doctor, and plan of an unsafe spec",
    Exit.USAGE: "the command line cannot be understood",
    Exit.MISSING: "what was named is not there: a set, an entry, a key, a file, a URL",
    Exit.NO_ACCESS: "the cluster cannot be reached or does not let you: kubeconfig, connection, rights",
    Exit.TIMEOUT: "--wait came to the end of its --timeout",
    Exit.REFUSED: "the API server or the operator refused it",
    Exit.INTERRUPTED: "interrupted, or not confirmed",
}


class Failure(click.ClickException):
    """An error for the user: one line, with the cure behind a semicolon."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(" ".join(message.split()))
        self.code = code


def to_printable(text: str) -> str:
    """Return a text without control characters: kids and headers are foreign."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def not_found_error(message: str) -> Failure:
    """Return the error for a named thing that does not exist."""
    return Failure(message, Exit.MISSING)


def refusal_error(message: str) -> Failure:
    """Return the error for a refused request."""
    return Failure(message, Exit.REFUSED)


def explain_error(error: KubeError) -> Failure:
    """Return the error of the cluster with its cure."""
    text = str(error)
    rows = (
        (isinstance(error, NotConfigured), text, Exit.NO_ACCESS),
        (isinstance(error, NotServed), _NOT_SERVED, Exit.MISSING),
        (isinstance(error, Missing), f"{text}; check the name and --namespace", Exit.MISSING),
        (": 401" in text, "the cluster does not accept your credentials; log in again", Exit.NO_ACCESS),
        (isinstance(error, Unavailable), f"{text}; check --context and the connection to the cluster", Exit.NO_ACCESS),
        (": 403" in text, f"{text}; ask for that right, or take another --context", Exit.NO_ACCESS),
    )
    return next((Failure(words, code) for holds, words, code in rows if holds), refusal_error(text))


_NOT_SERVED = "this cluster does not serve JsonWebKeySets; install the CRD: kubectl apply --server-side -f crds/"


def raise_failure(error: KubeError) -> NoReturn:
    """Raise the error for the user, without its foreign cause."""
    raise explain_error(error) from None
