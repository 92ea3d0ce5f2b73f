"""Makes the package `scale` of the benchmarks importable, and nothing else of bench/.

The other files there are modules named `keys` and `serve`; on the path they would hide the tests' own packages.
"""

import importlib.util
import sys
from pathlib import Path

_PACKAGE = Path(__file__).parents[2] / "bench" / "scale"

if "scale" not in sys.modules:
    _spec = importlib.util.spec_from_file_location(
        "scale", _PACKAGE / "__init__.py", submodule_search_locations=[str(_PACKAGE)]
    )
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["scale"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["scale"])
