"""As in tests/simulation: no event loop runs here."""

from simulation.conftest import no_threads

__all__ = ["no_threads"]
