"""The mounted consumer Secret: which key of each entry is active now.

Every request looks for a swap of the volume: a key signs nothing from the moment of the swap at which it stops being
active. A directory without `..data` is compared by content once a second instead.

A key that is open stays while `<entry>.kid` names it, so a file that cannot be understood never ends a working signer;
a key that is not named any more is dropped, whatever is wrong with its successor. A directory that cannot be read
changes nothing.
"""

import logging
from pathlib import Path

from jwks_operator.keys.key_errors import InvalidMemberError, JwkError
from jwks_operator.keys.opened_key import OpenedEntry, active_kid, open_entry
from jwks_operator.keys.secret_files import split_name
from jwks_operator.sign.mounted_volume import MountedVolume

_log = logging.getLogger(__name__)


class KeyDirectory:
    """The entries at `path` by name; None for an entry without an active key."""

    def __init__(self, path: Path) -> None:
        self._volume = MountedVolume(path, lambda name: split_name(name)[1] is not None)
        self._digests: dict[str, int] = {}
        self.keys: dict[str, OpenedEntry | None] = {}
        self.troubles: dict[str, str] = {}
        self.reloads = 0

    def refresh(self) -> None:
        """Follow a swap of the kubelet, if there was one; cheap."""
        if self._volume.was_swapped():
            self.reload()

    def poll(self) -> None:
        """Follow a swap, or a change of a plain directory; reads all files of the latter."""
        if self._volume.may_have_changed():
            self.reload()

    def reload(self) -> None:
        """Open the keys that are on disk now."""
        try:
            files = self._volume.read()
        except OSError as error:
            self._tell({"": f"{self._volume.path} cannot be read: {error.strerror}"})
            return
        digests = {name: hash(content) for name, content in files.items()}
        if digests != self._digests:
            self._digests = digests
            self._open(files)

    def _open(self, files: dict[str, bytes]) -> None:
        keys: dict[str, OpenedEntry | None] = {}
        troubles: dict[str, str] = {}
        for entry in dict.fromkeys(split_name(name)[0] for name in files):
            try:
                keys[entry] = open_entry(files, entry)
            except JwkError as error:
                troubles[entry] = str(error)
                keys[entry] = self._held(files, entry)
        self.keys = keys
        self.reloads += 1
        self._tell(troubles)
        _log.info(
            "keys: %s", ", ".join(f"{entry} {key.kid} ({key.alg})" for entry, key in keys.items() if key) or "none"
        )

    def _held(self, files: dict[str, bytes], entry: str) -> OpenedEntry | None:
        """Return the open key of an entry if it is still the active one."""
        held = self.keys.get(entry)
        try:
            return held if held is not None and held.kid == active_kid(files, entry) else None
        except InvalidMemberError:
            return None

    def _tell(self, troubles: dict[str, str]) -> None:
        for entry, trouble in troubles.items():
            if self.troubles.get(entry) != trouble:
                _log.error("%s%s", f"entry {entry}: " if entry else "", trouble)
        self.troubles = troubles
