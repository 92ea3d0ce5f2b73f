"""The mode of a socket on a command line."""

from typing import Any

import click


class OctalMode(click.ParamType[int]):
    """0660, in octal."""

    name = "MODE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the mode."""
        text = str(value)
        if len(text) not in {3, 4} or not set(text) <= set("01234567"):
            self.fail(f"{text!r} is not an octal mode such as 0660", param, ctx)
        return int(text, 8) & 0o777
