"""The ``psd`` command, and ``python -m psd``.

What domains bring is known when somebody asks for it. One of another distribution that cannot be
had is wrong configuration, and told as that: a line, and exit code 78.
"""

import sys

from psd.cli import main as commands
from psd.errors import ConfigError

EXIT_BAD_CONFIG = 78


def main() -> None:
    """Run the command line."""
    try:
        commands.main()
    except ConfigError as error:
        print(f"psd: {error}", file=sys.stderr)
        sys.exit(EXIT_BAD_CONFIG)


if __name__ == "__main__":
    main()
