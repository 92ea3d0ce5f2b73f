"""One table of specs: what is accepted, and what is refused with which words about which field.

It is run against the models and against the real API server, so that neither can say something else.
"""

from dataclasses import dataclass
from typing import Any

from jwks_operator.api.reader_row import Reader
from jwks_operator.keys.algorithms import ALGORITHMS

Spec = dict[str, Any]

ES256 = {"name": "signing", "algorithm": "ES256"}
RS256 = {"name": "signing", "algorithm": "RS256"}
HS256 = {"name": "sessions", "algorithm": "HS256"}
INBOX = {"name": "inbox", "algorithm": "ECDH-ES"}
ML_DSA = {"name": "hybrid", "algorithm": "ML-DSA-65"}
LARGE = [{"name": f"large-{each}", "algorithm": "ML-DSA-87"} for each in range(6)]
DURATION = "must be a duration such as 90s"
CRON = "must be a cron expression of five fields"
ALLOWED = "supported values: " + ", ".join(f'"{name}"' for name in ALGORITHMS)
"""Whoever asks for another algorithm reads the whole list."""
WEAK_OR_UNKNOWN = (
    "none", "RSA1_5", "RSA-OAEP", "RS1", "HS1", "dir", "EdDSA", "ES256K-R", "SECP256K1", "ECDH-1PU", "A128CBC",
    "PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW", "RSA-OAEP-224", "ES224", "X25519", "ML-DSA",
    "es256", "ES256 ", "",
)  # fmt: skip
RESERVED = "which the operator uses itself; choose another"


@dataclass(frozen=True)
class Case:
    """A spec with one key unless it says otherwise; `path` is empty if it is accepted.

    An empty `says` means that the schema itself refuses it and each side has its own words.
    """

    title: str
    extra: Spec
    path: str = ""
    says: str = ""
    name: str = "auth"

    @property
    def spec(self) -> Spec:
        return {"keys": [ES256], **self.extra}

    @property
    def object(self) -> Spec:
        return {
            "apiVersion": "jwks-operator.dev/v1beta1",
            "kind": "JsonWebKeySet",
            "metadata": {"name": self.name},
            "spec": self.spec,
        }

    def __str__(self) -> str:
        return self.title.replace(" ", "-")


def timing(**facts: str) -> Spec:
    return {"timing": facts}


def rotation(**fields: Any) -> Spec:
    return {"rotation": fields}


def key(**fields: Any) -> Spec:
    return {"keys": [{**ES256, **fields}]}


def certificate(**fields: Any) -> Spec:
    return key(certificate={"selfSigned": {}, **fields})


def publish(**fields: Any) -> Spec:
    return {"publish": fields}


def documents(*documents: Spec) -> Spec:
    return publish(documents=[*documents])


def config_map(**fields: Any) -> Spec:
    return {"publish": {"configMap": fields}}


WINDOW = {"schedule": "0 2 * * 1-4", "duration": "2h"}
KUBE = {"name": "kube", "entries": ["signing"]}
WRONG = {"name": "kube", "entries": ["singing"]}
BOTH = {"name": "both", "entries": ["signing", "hybrid"]}
PEMS = {"name": "pems", "entries": ["signing"], "format": "PEM"}
TAKEN = "a data key of a document is that of another document, of configMap or of the operator"
NO_ENTRY = "entries names what is no entry of keys; correct it, or remove it when its last key has left the set"
ISSUER = "https://auth.example.com"
NOON = "2026-11-22T12:00:00Z"

ACCEPTED = (
    Case("the smallest spec", {}),
    Case("RSA with the default size", {"keys": [RS256]}),
    *(Case(f"RSA with {bits} bits", {"keys": [{**RS256, "modulusLength": bits}]}) for bits in (2048, 3072, 4096)),
    Case("ten keys", {"keys": [{**ES256, "name": f"key-{i}"} for i in range(10)]}),
    Case("an entry name of 52 characters", key(name="a" * 52)),
    Case("a set name of 52 characters", {}, name="a" * 52),
    *(Case(f"the preset {name}", timing(preset=name)) for name in Reader),
    Case("as many readers as may be", {"readers": [*Reader][:16]}),
    Case("a lead as long as a reader asks for", {"readers": ["Istio", "PyJWT"], **timing(lead="30m")}),
    Case("a refresh as long as a reader needs", {"readers": ["Istio"], **timing(verifierRefresh="20m")}),
    Case("no refresh for a reader that fetches for a kid", {"readers": ["GoOidc"], **timing(verifierRefresh="0s")}),
    Case("keys that just fit a reader", {"keys": LARGE[:4], "readers": ["Nimbus"]}),
    Case("keys without a limit for their reader", {"keys": LARGE, "readers": ["Envoy"]}),
    Case("a document for a reader with a limit",
         {"keys": LARGE, "readers": ["Nimbus"], **documents({"name": "some", "entries": ["large-0", "large-1"]})}),
    Case("as many RSA keys with certificates as may be beside a reader with a limit",
         {"keys": [{"name": f"k-{each}", "algorithm": "RS256", "modulusLength": 4096, "certificate": {"selfSigned": {}}}
                   for each in range(6)], "readers": ["SpringSecurity"]}),
    Case("a symmetric key beside a strict reader", {"keys": [ES256, HS256], "readers": ["KubeApiserver", "Tink"]}),
    Case("a document for a strict reader",
         {"keys": [ES256, ML_DSA, {**INBOX, "crv": "X25519"}], "readers": ["KubeApiserver"], **documents(KUBE)}),
    Case("as many documents as may be", documents(*({**KUBE, "name": f"part-{i}"} for i in range(8)))),
    Case("a document with all its fields", documents({**KUBE, "aliases": ["a", "b"], "paths": ["/a", "/b"]}, PEMS)),
    Case("encryption on P-256 beside a strict reader", {"keys": [ES256, INBOX], "readers": ["KubeApiserver"]}),
    Case("a post-quantum key beside readers that skip it", {"keys": [ES256, ML_DSA], "readers": ["GoOidc", "Nimbus"]}),
    Case("a lead as long as a preset asks for", timing(preset="Istio", lead="30m")),
    Case("a stated fact in place of a preset's", timing(preset="DotNet", verifierRefresh="5m", lead="15m")),
    Case("an entry with its own rotation", key(rotation={"policy": "Manual"})),
    Case("rotation by interval", rotation(every="168h")),
    Case("rotation every second, for a demo", rotation(every="1s")),
    Case("rotation by schedule", rotation(schedule="0 3 1 * *")),
    Case("a schedule with names and steps", rotation(schedule="*/15 0-6,22 * JAN-MAR MON#1")),
    Case("a schedule in a time zone", rotation(schedule="0 3 1 * *", timeZone="America/Argentina/Buenos_Aires")),
    Case("a schedule on the last weekday of the month", rotation(schedule="0 3 LW * *")),
    Case("a schedule on the second Friday and the last Sunday", rotation(schedule="00 03 * jan,6-12/2 fri#2,0L")),
    Case("manual rotation that remembers its interval", rotation(policy="Manual", every="720h")),
    Case("rotation inside a window, spread, never in December", rotation(
        windows=[WINDOW], jitter="10m", timeZone="Europe/Berlin",
        freezes=[{"from": "2026-12-01T00:00:00Z", "to": "2027-01-01T00:00:00Z"}],
    )),
    *(Case(f"the algorithm {name}", key(algorithm=name)) for name in ALGORITHMS),
    *(Case(f"ECDH-ES on {crv}", key(algorithm="ECDH-ES+A256KW", crv=crv))
      for crv in ("P-256", "P-384", "P-521", "X25519", "X448")),
    Case("an imported key", key(**{"import": {"secretRef": {"name": "old", "key": "tls.key"}}})),
    Case("another issuer's public keys", key(**{"import": {"publicRef": {"name": "old", "key": "jwks.json"}}})),
    Case("an imported key and its issuer's public keys", key(**{"import": {
        "secretRef": {"name": "old", "key": "tls.key"}, "publicRef": {"name": "old", "key": "jwks.json"}}})),
    Case("an imported encryption key",
         key(algorithm="ECDH-ES", **{"import": {"secretRef": {"name": "old", "key": "tls.key"}}})),
    Case("a short lead where nobody signs", {**key(algorithm="HS256"), **timing(lead="5m")}),
    Case("private JWK Sets", {"secret": {"formats": ["JWKSet"]}}),
    Case("restarts of whatever consents", {"secret": {"restart": {}}}),
    Case("restarts of some workloads", {"secret": {"restart": {"within": "1h", "selector": {
        "matchLabels": {"app.kubernetes.io/name": "issuer"},
        "matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "api"]}],
    }}}}),
    Case("a retention that just covers the roll-out", {"timing": {"retention": "76m"}, "secret": {"restart": {}}}),
    Case("a lead that does not wait for the roll-out of signers", {
        "timing": {"lead": "70m"}, "secret": {"restart": {"within": "3h"}},
    }),
    Case("a revoked key", {"revoked": [{"kid": "x", "reason": "KeyCompromise"}]}),
    Case("every key before a moment revoked", {"revoked": [{"createdBefore": NOON}]}),
    Case("no roll-back at all", rotation(rollbackWindow="0s")),
    Case("all facts", timing(tokenLifetime="30m", cacheMaxAge="1s", staleWindow="0s", edgeCache="1m",
                             verifierRefresh="20m", propagation="2m", clockSkew="0s")),
    Case("a lead of exactly the default sum", timing(lead="1h10m")),
    Case("a lead of exactly the given sum", timing(lead="10s", propagation="1s", cacheMaxAge="2s", staleWindow="3s",
                                                   edgeCache="4s", verifierRefresh="0s")),
    Case("a retention of exactly the default sum", timing(retention="66m")),
    Case("a retention of exactly the given sum", timing(retention="6s", propagation="1s", tokenLifetime="2s",
                                                        clockSkew="3s")),
    Case("the longest duration", timing(tokenLifetime="99998h59m60s")),
    Case("a duration in seconds of a year", timing(tokenLifetime="31536000s")),
    Case("retention of exactly the roll-back window", timing(retention="2h") | rotation(rollbackWindow="2h")),
    Case("held kids of any characters", {"held": ["urn:example:key/1 ü", "a" * 256]}),
    Case("a ConfigMap of another name", config_map(name="auth.public", key="keys.json", aliases=["jwks"])),
    Case("a ConfigMap of 189 characters", config_map(name="a" * 189)),
    Case("labels and annotations", config_map(labels={"team": "", "example.com/a_b.c": "A-1"},
                                              annotations={"example.com/note": "any text: {}"})),
    Case("32 labels", config_map(labels={f"label-{i}": "x" for i in range(32)})),
    Case("the fewest keys", {"publish": {"maxKeys": 2}}),
    Case("the most keys", {"publish": {"maxKeys": 100}}),
    Case("a certificate signed by the key itself", certificate()),
    Case("a certificate signed by a CA", key(certificate={"caSecretRef": {"name": "corp-ca"}})),
    Case("a CA's certificate for a curve that cannot sign",
         key(algorithm="ECDH-ES", crv="X448", certificate={"caSecretRef": {"name": "corp-ca"}})),
    Case("a certificate with everything", certificate(
        commonName="auth.example.com", names=["auth.example.com", "10.0.0.1", "::1", "spiffe://example.com/auth"],
        duration="1h", renewBefore="59m59s",
    )),
    Case("TLS files where they can be", {
        "keys": [{**ES256, "certificate": {"selfSigned": {}}}, {"name": "sessions", "algorithm": "HS256"}],
        "secret": {"formats": ["TLS"]},
    }),
    Case("TLS files of a certificate that somebody else keeps", {
        "keys": [{**ES256, "import": {"secretRef": {"name": "auth-tls", "key": "tls.key"}}}],
        "secret": {"formats": ["TLS"]},
    }),
    *(Case(f"the issuer {issuer}", publish(issuer=issuer)) for issuer in (
        ISSUER, f"{ISSUER}/", f"{ISSUER}:8443/tenants/a~b", "http://localhost:8080", "http://127.0.0.1/x",
    )),
    Case("more members of the discovery document", publish(issuer=ISSUER, discovery={
        "authorization_endpoint": f"{ISSUER}/authorize", "scopes_supported": ["openid"],
        "claims_parameter_supported": True, "mtls_endpoint_aliases": {"token_endpoint": f"{ISSUER}/token"},
    })),
    Case("paths", publish(paths={"jwks": ["/oauth2/v3/certs", "/a.json"]})),
    Case("plain JSON", publish(mediaType="application/json")),
    *(Case(f"Ed25519 keys named {name}", publish(eddsaName=name)) for name in ("Ed25519", "EdDSA")),
    Case("every origin", publish(cors={"allowOrigins": ["*"]})),
    Case("two origins", publish(cors={"allowOrigins": ["https://app.example.com", "http://localhost:3000"]})),
    Case("no origin", publish(cors={"allowOrigins": []})),
    Case("a set on another host", publish(issuer=ISSUER, jwksUri="https://cdn.example.net/auth/jwks.json")),
    Case("historical keys", publish(issuer=ISSUER, historical=True)),
    Case("no historical keys", publish(historical=False)),
    Case("copies in every namespace that consents", publish(namespaces={})),
    Case("copies by labels", publish(namespaces={"matchLabels": {"example.com/team": "shop", "a": ""}})),
    Case("copies by a label of another operator's", publish(namespaces={"matchLabels": {"jwks-operator.dev/x": "y"}})),
    Case("copies by expressions", publish(namespaces={"matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["web", "api"]}, {"key": "a", "operator": "NotIn", "values": [""]},
        {"key": "team", "operator": "Exists"}, {"key": "example.com/off", "operator": "DoesNotExist", "values": []},
    ]})),
    Case("a Service whose endpoints are asked", publish(serviceName="auth-jwks")),
    Case("a Service name of 63 characters", publish(serviceName="a" * 63)),
    *(Case(f"seen at {url}", publish(seenAt=[{"url": url}])) for url in (
        "https://keys.example.com/.well-known/jwks.json", "https://keys.example.com:8443/", "http://edge.internal/jwks",
        "https://192.0.2.1/a%20b;v=1/jwks.json", "https://a/" + "p" * 502)),
    Case("a document that is seen at a URL of its own", publish(
        documents=[{"name": "part", "entries": ["signing"]}],
        seenAt=[{"url": "https://a.example.com/"}, {"url": "https://a.example.com/part", "document": "part"}])),
    Case("seen nowhere", publish(seenAt=[])),
    Case("one format", {"secret": {"name": "signer", "formats": ["PEM"]}}),
    Case("other policies", {"recovery": "Manual", "deletionPolicy": "Retain", "suspend": True}),
    Case("empty parts", {"rotation": {}, "timing": {}, "publish": {"configMap": {}}, "secret": {}, "held": []}),
)  # fmt: skip

REFUSED = (
    # names
    Case("a set name of 53 characters", {}, "metadata.name", "at most 52 characters", name="a" * 53),
    Case("a set named like a keyring", {}, "metadata.name", "must not end in -keyring", name="auth-keyring"),
    Case("an entry name with a dot", key(name="a.b"), "spec.keys[0].name", "must be a DNS label"),
    Case("an entry name in capitals", key(name="Signing"), "spec.keys[0].name", "must be a DNS label"),
    Case("an entry name ending in a hyphen", key(name="a-"), "spec.keys[0].name", "must be a DNS label"),
    Case("an entry name with a line break", key(name="a\n"), "spec.keys[0].name", "must be a DNS label"),
    Case("an entry name of 53 characters", key(name="a" * 53), "spec.keys[0].name"),
    # keys
    Case("no keys", {"keys": []}, "spec.keys"),
    Case("eleven keys", {"keys": [{**ES256, "name": f"key-{i}"} for i in range(11)]}, "spec.keys"),
    Case("two entries of one name", {"keys": [ES256, RS256]}, "spec.keys", "Duplicate value"),
    Case("an entry without algorithm", {"keys": [{"name": "a"}]}, "spec.keys[0].algorithm", "Required value"),
    Case("an entry without name", {"keys": [{"algorithm": "ES256"}]}, "spec.keys[0].name", "Required value"),
    *(Case(f"the algorithm {name!r}", key(algorithm=name), "spec.keys[0].algorithm", ALLOWED)
      for name in WEAK_OR_UNKNOWN),
    Case("a curve for an algorithm that fixes it", key(crv="P-384"), "spec.keys[0].crv", "crv is only for"),
    Case("a curve for signatures alone", key(algorithm="ECDH-ES", crv="Ed25519"), "spec.keys[0].crv", "supported"),
    Case("a lead below the propagation to receivers", {**key(algorithm="RSA-OAEP-256"), **timing(lead="4m")},
         "spec.timing.lead", "lead 4m is shorter than propagation 5m; "),
    Case("a retention below what senders cache", {**key(algorithm="ECDH-ES"), **timing(retention="2h")},
         "spec.timing.retention", "retention 2h is shorter than propagation 5m + cacheMaxAge 5m + staleWindow 0s + "
         "edgeCache 0s + verifierRefresh 1h + tokenLifetime 1h + clockSkew 1m; "),
    Case("a modulus for an elliptic curve", key(modulusLength=2048), "spec.keys[0].modulusLength",
         "modulusLength is only for RSA algorithms (RS256, "),
    *(Case(f"a modulus of {bits} bits", {"keys": [{**RS256, "modulusLength": bits}]}, "spec.keys[0].modulusLength",
           "3072") for bits in (512, 1024, 2047, 2560, 8192, 16384)),
    Case("an import of nothing", key(**{"import": {}}), "spec.keys[0].import.secretRef", "names no source"),
    Case("an import without a data key", key(**{"import": {"secretRef": {"name": "old"}}}),
         "spec.keys[0].import.secretRef.key", "Required value"),
    Case("an import from a path", key(**{"import": {"secretRef": {"name": "old", "key": "../tls.key"}}}),
         "spec.keys[0].import.secretRef.key", "must be a data key"),
    Case("public keys for whoever decrypts",
         key(algorithm="ECDH-ES", **{"import": {"publicRef": {"name": "old", "key": "jwks.json"}}}),
         "spec.keys[0].import.publicRef", "publicRef is only for algorithms that sign"),
    Case("a certificate of nobody", key(certificate={"commonName": "a"}), "spec.keys[0].certificate.selfSigned",
         "give exactly one of them"),
    Case("a certificate of two issuers", key(certificate={"selfSigned": {}, "caSecretRef": {"name": "ca"}}),
         "spec.keys[0].certificate.selfSigned", "either selfSigned or signed by the CA of caSecretRef"),
    Case("a certificate for a shared secret", key(algorithm="HS256", certificate={"selfSigned": {}}),
         "spec.keys[0].certificate", "symmetric keys have no certificate"),
    Case("a curve that cannot sign its certificate",
         key(algorithm="ECDH-ES", crv="X25519", certificate={"selfSigned": {}}),
         "spec.keys[0].certificate.selfSigned", "cannot sign its own certificate"),
    Case("a certificate that never lives", certificate(duration="59m59s"), "spec.keys[0].certificate.duration",
         "must be at least 1h"),
    Case("a certificate renewed before it is made", certificate(duration="2h", renewBefore="2h"),
         "spec.keys[0].certificate.renewBefore", "renewBefore must be shorter than duration"),
    Case("a certificate of the default life renewed too early", certificate(renewBefore="2160h"),
         "spec.keys[0].certificate.renewBefore", "renewBefore must be shorter than duration, by default 2160h"),
    Case("a certificate name of 65 characters", certificate(commonName="a" * 65),
         "spec.keys[0].certificate.commonName"),
    Case("a certificate name with a space", certificate(names=["a b"]), "spec.keys[0].certificate.names[0]",
         "must be a DNS name, an IP address or a URI"),
    Case("a CA named by a path", key(certificate={"caSecretRef": {"name": "../ca"}}),
         "spec.keys[0].certificate.caSecretRef.name", "must be an object name"),
    # rotation
    Case("every and schedule", rotation(every="1h", schedule="0 3 1 * *"), "spec.rotation.schedule",
         "every and schedule exclude each other; remove one"),
    Case("every and schedule of an entry", key(rotation={"every": "1h", "schedule": "0 3 1 * *"}),
         "spec.keys[0].rotation.schedule", "every and schedule exclude each other; remove one"),
    Case("a time zone without schedule", rotation(timeZone="UTC"), "spec.rotation.timeZone",
         "add one of them or remove timeZone"),
    Case("a time zone that is a path", rotation(schedule="0 3 1 * *", timeZone="../etc/passwd"),
         "spec.rotation.timeZone", "must be an IANA time zone name such as Europe/Berlin"),
    Case("a schedule of six fields", rotation(schedule="0 0 3 1 * *"), "spec.rotation.schedule", CRON),
    Case("a schedule of four fields", rotation(schedule="0 10 * JAN"), "spec.rotation.schedule", CRON),
    *(Case(f"a schedule with the {what}", rotation(schedule=expression), "spec.rotation.schedule", CRON)
      for what, expression in (
          ("minute 60", "60 3 1 * *"), ("hour 24", "0 24 * * *"), ("day 0", "0 3 0 * *"), ("month 13", "0 3 1 13 *"),
          ("weekday 8", "0 3 * * 8"), ("step 0", "*/0 3 * * *"), ("month JNA", "0 3 1 JNA *"),
          ("sixth Monday", "0 3 * * 1#6"), ("list that ends in a comma", "0, 3 * * *"))),
    Case("a window with the hour 25", rotation(windows=[{**WINDOW, "schedule": "0 25 * * *"}]),
         "spec.rotation.windows[0].schedule", CRON),
    Case("a schedule by nickname", rotation(schedule="@reboot-it"), "spec.rotation.schedule", CRON),
    Case("an unknown policy", rotation(policy="Sometimes"), "spec.rotation.policy"),
    Case("an interval of nothing", rotation(every="0s"), "spec.rotation.every", "must be at least 1ms"),
    Case("a window that never opens", rotation(windows=[{**WINDOW, "duration": "0s"}]),
         "spec.rotation.windows[0].duration", "must be at least 1ms"),
    Case("a window without a schedule", rotation(windows=[{"duration": "2h"}]), "spec.rotation.windows[0].schedule"),
    Case("a freeze that ends as it begins", rotation(freezes=[{"from": NOON, "to": NOON}]),
         "spec.rotation.freezes[0].to", "to must be later than from; move it"),
    # timing
    # documents
    Case("a document whose data key is an alias of another one", documents({**KUBE, "aliases": ["pems.pem"]}, PEMS),
         "spec.publish.documents", TAKEN),
    Case("a document whose data key is the operator's", documents({**KUBE, "aliases": ["zz-serve.json"]}),
         "spec.publish.documents", TAKEN),
    Case("a document named like the set's data key", documents({**KUBE, "name": "jwks"}),
         "spec.publish.documents", TAKEN),
    Case("an alias of two documents", documents({**KUBE, "aliases": ["x"]}, {**PEMS, "aliases": ["x"]}),
         "spec.publish.documents", TAKEN),
    Case("a path of two documents", documents({**KUBE, "paths": ["/x"]}, {**PEMS, "paths": ["/x"]}),
         "spec.publish.documents", "two documents have the same path; choose others"),
    Case("a document at a path of the set", documents({**KUBE, "paths": ["/keys"]}), "spec.publish.documents[0].paths",
         "which belong to the whole set; choose others"),
    Case("a document at a path with dots", documents({**KUBE, "paths": ["/a/../b"]}), "spec.publish.documents[0].paths",
         "paths must not hold the segments . and .."),
    Case("a document of a symmetric key", {"keys": [ES256, HS256], **documents({**KUBE, "entries": ["sessions"]})},
         "spec.publish.documents", "entries must not name symmetric keys, which are never published; remove them"),
    Case("a document without entries", documents({"name": "kube", "entries": []}), "spec.publish.documents[0].entries"),
    Case("a document in another format", documents({**KUBE, "format": "DER"}), "spec.publish.documents[0].format"),
    Case("a strict reader and only PEM without its key",
         {"keys": [ES256, ML_DSA], "readers": ["KubeApiserver"], **documents(PEMS)}, "spec.readers", "KubeApiserver"),
    Case("a strict reader and a document that it cannot read either",
         {"keys": [ES256, ML_DSA], "readers": ["KubeApiserver"], **documents(BOTH)}, "spec.readers",
         "refuses the whole set for the key of hybrid (ML-DSA-65)"),
    Case("keys that are too large for a reader", {"keys": LARGE, "readers": ["PyJWT", "SpringSecurity"]},
         "spec.readers", "SpringSecurity reads at most 51200 bytes, and the keys of these entries are more while they "
         "rotate; publish a document of some of them (publish.documents), use smaller keys, or remove certificates"),
    Case("certificates that are too large for a reader",
         {"keys": [{**each, "certificate": {"selfSigned": {}}} for each in LARGE[:2]], "readers": ["Nimbus"]},
         "spec.readers", "Nimbus reads at most 51200 bytes"),
    Case("a document that is too large for a reader, too",
         {"keys": LARGE, "readers": ["Nimbus"],
          **documents({"name": "most", "entries": [each["name"] for each in LARGE[:5]]})},
         "spec.readers", "Nimbus reads at most 51200 bytes"),
    Case("an unknown reader", {"readers": ["kube-apiserver"]}, "spec.readers[0]"),
    Case("a reader twice", {"readers": ["Istio", "Istio"]}, "spec.readers", "Duplicate value"),
    Case("a refresh too short for a reader", {"readers": ["GoOidc", "Istio"], **timing(verifierRefresh="5m")},
         "spec.timing.verifierRefresh", "verifierRefresh 5m is shorter than 20m of Istio, which may go so long without "
         "fetching; lengthen it, or remove it to have it computed"),
    Case("a lead too short for a reader", {"readers": ["PyJWT", "DotNet"], **timing(lead="12h")}, "spec.timing.lead",
         "lead 12h is shorter than propagation 5m + cacheMaxAge 5m + staleWindow 0s + edgeCache 0s + "
         "verifierRefresh 24h"),
    *(Case(f"a key for which {reader} refuses the set: {entry}", {"keys": [ES256, entry], "readers": ["PyJWT", reader]},
           "spec.readers", f"{reader} refuses the whole set for the key of {entry['name']} "
           f"({entry.get('crv', entry['algorithm'])}); publish a document without it (publish.documents), or remove "
           "the entry")
      for reader, entry in (
          ("KubeApiserver", ML_DSA),
          ("KubeApiserver", {**INBOX, "crv": "X25519"}),
          ("GoJose", {"name": "wallet", "algorithm": "ES256K"}),
          ("Keyfunc", {**INBOX, "crv": "X448"}),
          ("Jwx", {"name": "other", "algorithm": "Ed448"}),
          ("Tink", {"name": "other", "algorithm": "Ed25519"}),
      )),
    Case("an unknown preset", timing(preset="istio"), "spec.timing.preset"),
    Case("a lead shorter than what a preset says", timing(preset="DotNet", lead="12h"), "spec.timing.lead",
         "lead 12h is shorter than propagation 5m + cacheMaxAge 5m + staleWindow 0s + edgeCache 0s + "
         "verifierRefresh 24h; lengthen it"),
    *(Case(f"the duration {text!r}", timing(propagation=text), "spec.timing.propagation", DURATION)
      for text in (
          "", "5", "5 minutes", "-5m", "1.5h", "1d", "5m1h", "1m1m", "10us", "1H", "123456h", "99999h1ms", "5m\n", "١m",
      )),
    Case("a duration as a number", {"timing": {"propagation": 300}}, "spec.timing.propagation"),
    Case("a lifetime of nothing", timing(tokenLifetime="0h0m"), "spec.timing.tokenLifetime", "must be at least 1ms"),
    Case("a set that nobody may cache", timing(cacheMaxAge="999ms"), "spec.timing.cacheMaxAge", "must be at least 1s"),
    Case("a lead below the defaults", timing(lead="1h9m59s"), "spec.timing.lead",
         "lead 1h9m59s is shorter than propagation 5m + cacheMaxAge 5m + staleWindow 0s + edgeCache 0s + "
         "verifierRefresh 1h; lengthen it, or remove lead to have it computed"),
    Case("a lead below one given fact", timing(lead="2h", verifierRefresh="10h"), "spec.timing.lead",
         "lead 2h is shorter than propagation 5m + cacheMaxAge 5m + staleWindow 0s + edgeCache 0s + "
         "verifierRefresh 10h; "),
    Case("a retention below the facts", timing(retention="30m", propagation="2m"), "spec.timing.retention",
         "retention 30m is shorter than propagation 2m + tokenLifetime 1h + clockSkew 1m; "),
    Case("a retention below the roll-back window", timing(retention="2h") | rotation(rollbackWindow="3h"),
         "spec.timing.retention", "retention is shorter than rotation.rollbackWindow"),
    Case("a retention below an entry's roll-back window",
         timing(retention="2h") | key(rotation={"rollbackWindow": "3h"}),
         "spec.timing.retention", "retention is shorter than keys[].rotation.rollbackWindow"),
    # publish
    Case("a ConfigMap named like a keyring", config_map(name="x-keyring"), "spec.publish.configMap.name",
         "must not end in -keyring"),
    Case("a ConfigMap with a bad name", config_map(name="No_Name"), "spec.publish.configMap.name",
         "must be an object name"),
    Case("a ConfigMap name too long to be copied", config_map(name="a" * 190), "spec.publish.configMap.name"),
    Case("a key that is a path", config_map(key="a/b"), "spec.publish.configMap.key", "must be a data key"),
    Case("a key that is hidden", config_map(key="..data"), "spec.publish.configMap.key", "must be a data key"),
    *(Case(f"the reserved key {name}", config_map(key=name), "spec.publish.configMap.key", RESERVED)
      for name in ("zz-serve.json", "openid-configuration", "historical.jwt")),
    Case("a reserved alias", config_map(aliases=["zz-serve.json"]), "spec.publish.configMap.aliases", RESERVED),
    Case("an alias that is the key", config_map(key="jwks", aliases=["jwks"]), "spec.publish.configMap.aliases",
         "aliases must not repeat key; remove it from aliases"),
    Case("an alias that is the default key", config_map(aliases=["jwks.json"]), "spec.publish.configMap.aliases",
         "aliases must not repeat key"),
    Case("an alias twice", config_map(aliases=["a", "a"]), "spec.publish.configMap.aliases", "Duplicate value"),
    Case("a label of ours", config_map(labels={"jwks-operator.dev/set": "x"}), "spec.publish.configMap.labels",
         "belong to the operator; choose another"),
    Case("a manager label", {"secret": {"labels": {"app.kubernetes.io/managed-by": "me"}}}, "spec.secret.labels",
         "belong to the operator; choose another"),
    Case("an annotation of ours", config_map(annotations={"jwks-operator.dev/source": "x"}),
         "spec.publish.configMap.annotations", "belong to the operator"),
    Case("a label key with a space", config_map(labels={"my team": "x"}), "spec.publish.configMap.labels",
         "must be Kubernetes label keys"),
    Case("a label value with a space", config_map(labels={"team": "my team"}), "spec.publish.configMap.labels[team]",
         "must be a Kubernetes label value"),
    Case("33 labels", config_map(labels={f"label-{i}": "x" for i in range(33)}), "spec.publish.configMap.labels"),
    Case("room for one key only", {"publish": {"maxKeys": 1}}, "spec.publish.maxKeys"),
    Case("room for too many keys", {"publish": {"maxKeys": 101}}, "spec.publish.maxKeys"),
    Case("a number as text", {"publish": {"maxKeys": "10"}}, "spec.publish.maxKeys"),
    *(Case(f"copies where {operator} {values}",
           publish(namespaces={"matchExpressions": [{"key": "tier", "operator": operator, **values}]}),
           "spec.publish.namespaces.matchExpressions[0].values", "In and NotIn need values")
      for operator, values in (("In", {}), ("NotIn", {"values": []}), ("Exists", {"values": ["a"]}))),
    Case("copies where a label compares", publish(namespaces={"matchExpressions": [{"key": "a", "operator": "Gt"}]}),
         "spec.publish.namespaces.matchExpressions[0].operator"),
    Case("copies by a label with a space", publish(namespaces={"matchLabels": {"my team": "x"}}),
         "spec.publish.namespaces.matchLabels", "must be Kubernetes label keys"),
    Case("copies by a value that ends the query", publish(namespaces={"matchLabels": {"team": "x,y"}}),
         "spec.publish.namespaces.matchLabels[team]", "must be a Kubernetes label value"),
    Case("copies by an expression that ends the query",
         publish(namespaces={"matchExpressions": [{"key": "a,!b", "operator": "Exists"}]}),
         "spec.publish.namespaces.matchExpressions[0].key", "must be a Kubernetes label key"),
    Case("copies by name", publish(namespaces=["web"]), "spec.publish.namespaces"),
    *(Case(f"the issuer {issuer!r}", publish(issuer=issuer), "spec.publish.issuer", "must be an https URL without")
      for issuer in ("http://auth.example.com", "https://a.example.com/?x", "https://a.example.com/#", "auth", "https://",
                     "http://localhost.example.com")),
    Case("a set on another host without an issuer", publish(jwksUri="https://cdn.example.net/jwks.json"),
         "spec.publish.jwksUri", "jwksUri needs issuer, who says it; add issuer or remove jwksUri"),
    Case("a set on another host without TLS", publish(issuer=ISSUER, jwksUri="http://cdn.example.net/jwks.json"),
         "spec.publish.jwksUri", "must be an https URL without query and fragment"),
    Case("discovery without an issuer", publish(discovery={"a": 1}), "spec.publish.discovery",
         "discovery needs issuer"),
    Case("history without an issuer", publish(historical=True), "spec.publish.historical", "historical needs issuer"),
    Case("a path without a slash", publish(paths={"jwks": ["keys"]}), "spec.publish.paths.jwks[0]",
         "must be a URL path"),
    Case("a path with a query", publish(paths={"jwks": ["/keys?a"]}), "spec.publish.paths.jwks[0]",
         "must be a URL path"),
    Case("a path that climbs", publish(paths={"jwks": ["/a/../b"]}), "spec.publish.paths.jwks",
         "must not hold the segments . and .."),
    Case("an origin with a path", publish(cors={"allowOrigins": ["https://a.example.com/"]}),
         "spec.publish.cors.allowOrigins[0]", "must be * or an origin"),
    Case("a media type of another world", publish(mediaType="text/html"), "spec.publish.mediaType"),
    *(Case(f"the Service {name!r}", publish(serviceName=name), "spec.publish.serviceName", "must be the name of a Serv")
      for name in ("auth.shop", "Auth", "auth-", "http://auth", "10.0.0.1:80", "auth/x", "")),
    Case("a Service name of 64 characters", publish(serviceName="a" * 64), "spec.publish.serviceName"),
    *(Case(f"seen at {url!r}", publish(seenAt=[{"url": url}]), "spec.publish.seenAt[0].url", "must be a URL such as")
      for url in ("keys.example.com/jwks.json", "ftp://keys.example.com/", "https://keys.example.com", "https:///jwks",
                  "https://me:secret@keys.example.com/", "https://keys.example.com/?a", "https://keys.example.com/#a",
                  "https://-keys/", "https://[::1]/", "https://keys.example.com/a b", "https://keys.example.com:/",
                  "https://keys.example.com:123456/", "https://keys.example.com/" + chr(10))),
    Case("seen at a URL of 513 characters", publish(seenAt=[{"url": "https://a/" + "p" * 503}]),
         "spec.publish.seenAt[0].url"),
    Case("a URL named twice", publish(seenAt=[{"url": "https://a.example.com/"}] * 2), "spec.publish.seenAt",
         "Duplicate value"),
    Case("nine URLs", publish(seenAt=[{"url": f"https://a.example.com/{n}"} for n in range(9)]),
         "spec.publish.seenAt"),
    Case("a document that is none", publish(seenAt=[{"url": "https://a.example.com/", "document": "part"}]),
         "spec.publish.seenAt", "document must be the name of one of documents"),
    Case("a document of PEM", publish(
        documents=[{"name": "part", "entries": ["signing"], "format": "PEM"}],
        seenAt=[{"url": "https://a.example.com/", "document": "part"}]),
        "spec.publish.seenAt", "document must be the name of one of documents"),
    Case("a third name", publish(eddsaName="Eddsa"), "spec.publish.eddsaName"),
    # the rest
    Case("a revocation of nothing", {"revoked": [{"reason": "KeyCompromise"}]}, "spec.revoked[0].kid",
         "either a kid or createdBefore; give exactly one"),
    Case("a revocation of both", {"revoked": [{"kid": "x", "createdBefore": NOON}]}, "spec.revoked[0].kid",
         "either a kid or createdBefore; give exactly one"),
    Case("a Secret named like a keyring", {"secret": {"name": "x-keyring"}}, "spec.secret.name",
         "must not end in -keyring"),
    Case("no format", {"secret": {"formats": []}}, "spec.secret.formats"),
    Case("a format twice", {"secret": {"formats": ["PEM", "PEM"]}}, "spec.secret.formats", "Duplicate value"),
    Case("TLS without a certificate", {"secret": {"formats": ["JWK", "TLS"]}}, "spec.secret.formats",
         "format TLS needs a certificate for every key that is not symmetric; add keys[].certificate, import keys from "
         "a kubernetes.io/tls Secret, or remove TLS"),
    Case("TLS where only public keys are imported", {
        "keys": [{**ES256, "import": {"publicRef": {"name": "old", "key": "jwks.json"}}}],
        "secret": {"formats": ["TLS"]},
    }, "spec.secret.formats", "format TLS needs a certificate"),
    Case("an unknown format", {"secret": {"formats": ["DER"]}}, "spec.secret.formats[0]"),
    Case("a restart in no time", {"secret": {"restart": {"within": "0s"}}}, "spec.secret.restart.within",
         "a roll-out takes its time"),
    Case("restarts by a label with a space", {"secret": {"restart": {"selector": {"matchLabels": {"my app": "x"}}}}},
         "spec.secret.restart.selector.matchLabels", "must be Kubernetes label keys"),
    Case("restarts by an expression without values",
         {"secret": {"restart": {"selector": {"matchExpressions": [{"key": "app", "operator": "In"}]}}}},
         "spec.secret.restart.selector.matchExpressions[0].values", "In and NotIn need values"),
    Case("a retention that ends before the roll-out",
         {"timing": {"retention": "1h6m"}, "secret": {"restart": {}}}, "spec.timing.retention",
         "retention 1h6m is shorter than propagation 5m + secret.restart.within 10m + tokenLifetime 1h + "
         "clockSkew 1m; "),
    Case("a lead of shared keys that ends before the roll-out", {
        "keys": [{"name": "sessions", "algorithm": "HS256"}],
        "timing": {"lead": "19m"}, "secret": {"restart": {"within": "15m"}},
    }, "spec.timing.lead", "lead 19m is shorter than propagation 5m + secret.restart.within 15m; "),
    Case("a kid of 257 characters", {"held": ["a" * 257]}, "spec.held[0]"),
    Case("an empty kid", {"held": [""]}, "spec.held[0]"),
    Case("a kid twice", {"held": ["a", "a"]}, "spec.held", "Duplicate value"),
    Case("an unknown recovery", {"recovery": "Hope"}, "spec.recovery"),
    Case("an unknown deletion policy", {"deletionPolicy": "Orphan"}, "spec.deletionPolicy"),
    Case("suspend as text", {"suspend": "true"}, "spec.suspend"),
)  # fmt: skip


@dataclass(frozen=True)
class Change:
    """An update of a living set; `path` is empty if it is accepted."""

    title: str
    before: Spec
    after: Spec
    path: str = ""
    says: str = "name cannot change, because pods mount it by name; keep it, or create a new set"

    def __str__(self) -> str:
        return self.title.replace(" ", "-")


TWO = {"keys": [ES256, ML_DSA]}
SECRET_A, SECRET_B = {"secret": {"name": "a"}}, {"secret": {"name": "b"}}
KNOWN_TO_THE_API_SERVER = (
    *(Case(f"the time zone {zone}", rotation(schedule="0 3 1 * *", timeZone=zone), "spec.rotation.timeZone",
           "must be an IANA time zone name such as Europe/Berlin")
      for zone in ("Europe/Atlantis", "Local", "europe/berlin", "CEST")),
    Case("a document of an entry that never was", documents(WRONG), "spec.publish.documents", NO_ENTRY),
)  # fmt: skip
"""Refused at admission alone: the planner has a condition for what was stored once."""

CHANGES = (
    Change("another interval", rotation(every="1h"), rotation(every="2h")),
    Change("another algorithm", {}, key(algorithm="RS256")),
    Change("another data key", config_map(key="a"), config_map(key="b")),
    Change("the default name written out", {}, config_map(name="auth") | {"secret": {"name": "auth"}}),
    Change("the default name left out again", config_map(name="auth") | {"secret": {"name": "auth"}}, {}),
    Change("the same name", config_map(name="a") | SECRET_A, config_map(name="a") | SECRET_A | {"suspend": True}),
    Change("another ConfigMap", config_map(name="a"), config_map(name="b"), "spec.publish.configMap"),
    Change("a ConfigMap named later", {}, config_map(name="b"), "spec.publish.configMap"),
    Change("a ConfigMap no longer named", config_map(name="a"), {"publish": {"maxKeys": 5}}, "spec.publish.configMap"),
    Change("another Secret", SECRET_A, SECRET_B, "spec.secret"),
    Change("a Secret named later", {}, SECRET_B, "spec.secret"),
    Change("a Secret no longer named", SECRET_A, {}, "spec.secret"),
    Change("an entry that leaves a set stays in its document", TWO | documents(BOTH), documents(BOTH)),
    Change("an entry leaves a document", TWO | documents(BOTH), TWO | documents(KUBE)),
    Change("a wrong entry in a document", documents(KUBE), documents(WRONG), "spec.publish.documents", NO_ENTRY),
    Change("a wrong entry in a new document", {}, documents(WRONG), "spec.publish.documents", NO_ENTRY),
    Change(
        "an entry that left is not named again", documents(KUBE), documents(BOTH), "spec.publish.documents", NO_ENTRY
    ),
)
