"""The C++ compiler, the processors it makes code for, folders to compile in; nothing here knows programs or model files."""
