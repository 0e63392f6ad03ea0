"""`python -m certify`: the same as the console script `certify`."""

import sys

from certify.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
