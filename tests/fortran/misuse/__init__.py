"""Scenarios of misuse, a program per topic in one frame, and tables of what each must end with."""
