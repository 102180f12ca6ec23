"""Model files run: by the library, in this process or a fresh one, or variant by variant; nothing here knows their modules."""
