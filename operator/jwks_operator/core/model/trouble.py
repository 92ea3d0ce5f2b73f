"""A trouble: something that a person has to know about a set, as a code with parameters and a sentence with a cure."""

from dataclasses import dataclass

from jwks_operator.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that needs attention. Reason and `about` tell one trouble from another one; its sentence may change."""

    reason: Reason
    sentence: str
    """What is wrong, with the name of the field or object."""
    cure: str = ""
    """What to do about it."""
    about: str = ""
    """Which entry, kid, namespace or object it is about; empty if the reason alone says it."""

    @property
    def message(self) -> str:
        """The sentence with its cure, as conditions and Events show it."""
        return f"{self.sentence}; {self.cure}" if self.cure else self.sentence
