"""A package is measured on this machine, form by form, and keeps what is fastest; nothing here exports a module."""
