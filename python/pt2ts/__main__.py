"""``python -m pt2ts``."""

from .cli import main

if __name__ == "__main__":
    main()
