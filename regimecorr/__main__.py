"""`python -m regimecorr`."""

from __future__ import annotations

import sys

from regimecorr.cli import main

if __name__ == "__main__":
    sys.exit(main())
