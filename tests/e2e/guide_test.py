"""The user guide's examples, unchanged, against the program that was built.

Usage: guide_test.py CTCLIP
"""

import subprocess
import sys

from service import ROOT

# The golden studies are ramps without lungs: the check that would refuse them is left out.
GOLDEN = ROOT / "tests" / "golden" / "dicom"

if __name__ == "__main__":
    sys.exit(subprocess.run(
        [sys.executable, "-B", ROOT / "tests" / "e2e" / "guide_examples.py", "--server", sys.argv[1],
         "--models", ROOT / "tests" / "data" / "tiny", "--serve-option=--any-anatomy",
         ROOT / "tests" / "data" / "user-guide.ru.md", GOLDEN / "s01_base.zip",
         GOLDEN / "s06_slope2.zip"], check=False).returncode)
