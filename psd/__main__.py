"""``python -m psd`` is the ``psd`` command."""

from psd.cli.main import main

main()
