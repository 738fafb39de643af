"""``python -m railwright``: the same as the ``railwright`` command."""

from railwright.cli import main

if __name__ == "__main__":
    main()
