"""``pt2ts inspect``: what a model file says about itself, shown to people and as JSON; nothing here runs or judges it."""
