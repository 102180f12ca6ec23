"""Tests of pt2ts."""
