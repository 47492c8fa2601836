"""``python -m reviewer`` is ``mm-review``."""

from reviewer.cli import main

if __name__ == "__main__":
    main()
