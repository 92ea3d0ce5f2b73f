"""Write or check the picture: `python -m recording [--check]`."""

import sys

from generated import ROOT, write_or_check
from recording.picture import draw_recording
from recording.take import read_frames

PICTURE = ROOT / "docs" / "img" / "recording.svg"

if __name__ == "__main__":
    sys.exit(write_or_check({PICTURE: draw_recording(read_frames())}, sys.argv[1:]))
