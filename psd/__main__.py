"""The ``psd`` command, and ``python -m psd``.

What domains bring is known as soon as the commands are imported. One of another distribution that
cannot be had is wrong configuration, and told as that: a line, and exit code 78.
"""

import sys

from psd.errors import ConfigError

EXIT_BAD_CONFIG = 78


def main() -> None:
    """Run the command line."""
    try:
        from psd.cli import main as commands  # noqa: PLC0415  (a domain may fail to come along)
    except ConfigError as error:
        print(f"psd: {error}", file=sys.stderr)
        sys.exit(EXIT_BAD_CONFIG)
    commands.main()


if __name__ == "__main__":
    main()
