"""The algorithms of the IANA registry "JSON Web Signature and Encryption Algorithms", and their key types.

Wider than `algorithms.ALGORITHMS`: a foreign key may be for an algorithm that no set of ours has, and is
spelled right all the same. No cryptography is imported here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Purpose(StrEnum):
    """What an algorithm is for; the words of `use` (RFC 7517 section 4.2)."""

    SIG = "sig"
    ENC = "enc"


@dataclass(frozen=True, slots=True)
class Registered:
    """One registered algorithm: what it is for, the key types of its keys, and why not to use it."""

    purpose: Purpose
    ktys: tuple[str, ...]
    objection: str = ""


_SHA_1: Final = "rests on SHA-1, which is broken"


def _rows() -> Mapping[str, Registered]:
    found: dict[str, Registered] = {}
    for bits in ("256", "384", "512"):
        found[f"HS{bits}"] = Registered(Purpose.SIG, ("oct",))
        found |= {f"{kind}{bits}": Registered(Purpose.SIG, ("RSA",)) for kind in ("RS", "PS")}
        found[f"ES{bits}"] = Registered(Purpose.SIG, ("EC",))
        found[f"RSA-OAEP-{bits}"] = Registered(Purpose.ENC, ("RSA",))
    found["ES256K"] = Registered(Purpose.SIG, ("EC",))
    found |= {name: Registered(Purpose.SIG, ("OKP",)) for name in ("EdDSA", "Ed25519", "Ed448")}
    found |= {f"ML-DSA-{size}": Registered(Purpose.SIG, ("AKP",)) for size in ("44", "65", "87")}
    found["HS1"] = Registered(Purpose.SIG, ("oct",), _SHA_1)
    found["RS1"] = Registered(Purpose.SIG, ("RSA",), _SHA_1)
    found["none"] = Registered(Purpose.SIG, (), "says that tokens are not signed: anybody can write them")
    found["RSA1_5"] = Registered(Purpose.ENC, ("RSA",), "is open to padding oracles; use RSA-OAEP-256")
    found["RSA-OAEP"] = Registered(Purpose.ENC, ("RSA",))
    found["dir"] = Registered(Purpose.ENC, ("oct",))
    for bits in ("128", "192", "256"):
        wrap = f"A{bits}KW"
        found |= {name: Registered(Purpose.ENC, ("oct",)) for name in (wrap, f"A{bits}GCMKW", f"A{bits}GCM")}
        found |= {f"A{bits}{mode}": Registered(Purpose.ENC, ("oct",)) for mode in ("CBC", "CTR")}
        found[f"ECDH-ES+{wrap}"] = Registered(Purpose.ENC, ("EC", "OKP"))
    found["ECDH-ES"] = Registered(Purpose.ENC, ("EC", "OKP"))
    for hash_bits, bits in (("256", "128"), ("384", "192"), ("512", "256")):
        found[f"A{bits}CBC-HS{hash_bits}"] = Registered(Purpose.ENC, ("oct",))
        found[f"PBES2-HS{hash_bits}+A{bits}KW"] = Registered(Purpose.ENC, ("oct",))
    return MappingProxyType(found)


REGISTERED: Final[Mapping[str, Registered]] = _rows()
"""Every registered algorithm by its name."""
