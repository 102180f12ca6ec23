"""What things cost: a folder for each thing that is measured, with its ``run.py``.

What measuring and reporting have in common is in ``shared``. Results go to ``build/bench``.
"""
