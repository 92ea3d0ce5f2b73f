"""Every exemption from the judgement of a history: a function with a name and a reason, and no other one.

A key that is exempt is one that no rule can protect in this history. Revoked keys, lost ones and those that are used at
once are read off the record by `chronicle.py`; here is what people do to more than one object at a time.
"""

from collections.abc import Iterable

from simulation.chronicle import Chronicle


def lost_with_the_namespace(chronicle: Chronicle, kept: Iterable[str]) -> frozenset[str]:
    """Exempt the keys of a namespace that was deleted, except those of the objects that are put back.

    Reason: nothing is left that knows them, so nobody can publish them again.
    """
    lost = frozenset(chronicle.known) - frozenset(kept)
    chronicle.exempt |= lost
    return lost


def first_keys_of_another_set(chronicle: Chronicle, first: Iterable[str]) -> frozenset[str]:
    """Exempt the keys that a set has at first when it is made in a namespace that was lost with everything in it.

    Reason: it is a set that never existed, so its first keys are used at once; who still holds what the former
    namespace published is known to nobody.
    """
    found = frozenset(first)
    chronicle.exempt |= found
    return found


def put_back_by_a_restored_secret(chronicle: Chronicle, held: Iterable[str], kept: Iterable[str]) -> frozenset[str]:
    """Exempt the keys that a Secret of former days holds and the record does not: they were destroyed since.

    Reason: signers use them from the moment of the restore, before any operator can look, and nobody publishes them.
    """
    found = frozenset(held) - frozenset(kept)
    chronicle.exempt |= found
    return found


def unknown_to_all_that_was_restored(chronicle: Chronicle, kept: Iterable[str]) -> frozenset[str]:
    """Exempt the keys that neither the restored keyring nor the ConfigMap that is there knows.

    Reason: a private key in the Secret that nobody published is not believed, because whoever may write Secrets could
    plant one; and a public key in no object cannot be published.
    """
    lost = frozenset(chronicle.known) - frozenset(kept)
    chronicle.exempt |= lost
    return lost
