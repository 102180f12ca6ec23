"""The C++ compiler and the processors that it makes code for; nothing here knows programs or model files."""
