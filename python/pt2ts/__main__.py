"""``python -m pt2ts``."""

from .cli.app import main

if __name__ == "__main__":
    main()
