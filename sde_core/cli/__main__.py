"""`python -m sde_core.cli`: the command line without the app."""

import sys

from sde_core.cli.main import main

sys.exit(main())
