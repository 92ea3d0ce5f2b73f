"""Write or check docs/readers.md, the table of known readers: `python -m readers [--check]`."""

import sys

from generated import ROOT, write_or_check
from jwks_operator.api.defaults import DEFAULTS
from jwks_operator.api.durations import format_duration
from jwks_operator.api.reader_row import Reader, ReaderRow
from jwks_operator.api.reader_table import READERS
from jwks_operator.api.readers import describe_refusals

PAGE = ROOT / "docs" / "readers.md"
INTRODUCTION = f"""\
<!-- generated, do not edit: make generate -->
# Readers

A reader is a program or library that fetches a published set and checks signatures with it. `spec.readers` names those
of a set:

```yaml
spec:
  readers: [KubeApiserver, SpringSecurity, Istio]
```

Five things follow:

- `timing.verifierRefresh` is that of the slowest of them, here 20 minutes for Istio; a shorter one is refused. Without
  readers and preset it is {format_duration(DEFAULTS["verifier_refresh"])}. A reader without a figure fetches when it
  meets an unknown kid, and lengthens nothing.
- A set that one of them refuses as a whole is refused at admission, with the entry and the cure, unless one of its
  [documents](#sets-for-readers-that-refuse) is one that this reader can read.
- A set that grows beyond what one of them reads is refused at admission: three keys of each entry (active, pending and
  retired) and their certificates are counted.
- Ed25519 keys are named `EdDSA`, which most readers know, unless all that are named know `Ed25519`. A key keeps its
  name for life.
- What admission cannot know (imported keys, chains of certificates, many retired keys, a reader that was named later)
  is `Degraded=True, ReaderRefuses`: the message names the reader, the key and the cure. The set is served as it is.
  `kubectl jwks doctor` compares the same.

`spec.timing.preset` is the form for one reader: it sets the default of `verifierRefresh`, is checked for nothing else,
and gives way to a stated `verifierRefresh`. Use it where you configured the reader otherwise.

The figures are those of each reader's own defaults, and the longest ones where releases differ. "Refuses the whole set"
was measured with sets of each key type (November 2026) where the last column says so, else it is from the source or the
manual. `make verifiers` follows go-oidc, go-jose, keyfunc, jwx, Nimbus, Spring Security, jose4j, oauth2-proxy and Envoy
through rotations, a roll-back and a revocation, each as a process of its own. AWS STS, OCI and Traefik publish no
figure, so they are not here: state `verifierRefresh` for them. AWS refuses more than 100 keys, OCI more than 10.

| reader | version | fetches again | unknown kid | `verifierRefresh` | known by |
|---|---|---|---|---|---|
"""
READS = """
## What they cannot read

"Refuses the whole set": one such key, and every token of every key fails, most often at the next rotation, when the
reader fetches. The names are those of Ed25519 under which it checks tokens; "–" means none, or not measured.

| reader | refuses the whole set for | Ed25519 keys named | largest set | also |
|---|---|---|---|---|
"""
DOCUMENTS = """
## Sets for readers that refuse

Publish a document without those keys beside the whole set ([serving.md](serving.md#documents)), and give its URL to the
reader:

```yaml
spec:
  keys:
    - {name: signing, algorithm: ES256}
    - {name: hybrid, algorithm: ML-DSA-65}
  readers: [KubeApiserver, SpringSecurity]
  publish:
    issuer: https://auth.example.com
    documents:
      - {name: kube, entries: [signing]}
```

`kubectl jwks lint --reader NAME` tells whether a reader can read a set, ours or not; without `--reader`, lint names the
readers that would refuse it.
"""


def render_page() -> str:
    """Return the text of the page."""
    fetching = [_fetching(reader, row) for reader, row in READERS.items()]
    reading = [_reading(reader, row) for reader, row in READERS.items()]
    return "".join((INTRODUCTION, *fetching, READS, *reading, DOCUMENTS))


def _fetching(reader: Reader, row: ReaderRow) -> str:
    refresh = "–" if row.refresh is None else format_duration(row.refresh)
    known = "measurement" if row.measured else "source"
    name = f"`{reader}`: [{row.title}]({row.source})"
    return f"| {name} | {row.version} | {row.fetches} | {row.unknown_kid} | {refresh} | {known} |\n"


def _reading(reader: Reader, row: ReaderRow) -> str:
    words = describe_refusals(row)
    size = "–" if row.max_bytes is None else f"{row.max_bytes // 1024} KiB"
    return f"| `{reader}` | {words} | {', '.join(sorted(row.names)) or '–'} | {size} | {row.remark or '–'} |\n"


if __name__ == "__main__":
    sys.exit(write_or_check({PAGE: render_page()}, sys.argv[1:]))
