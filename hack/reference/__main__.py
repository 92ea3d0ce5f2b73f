"""Write or check the reference: `python -m reference [--check]`."""

import sys

from generated import ROOT, write_or_check
from reference.page import render_page

if __name__ == "__main__":
    sys.exit(write_or_check({ROOT / "docs" / "reference.md": render_page()}, sys.argv[1:]))
