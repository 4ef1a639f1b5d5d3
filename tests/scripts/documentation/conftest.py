"""The scripts are no part of the package: they are found beside it, for the import alone."""

import importlib
import pathlib
import sys

ROOT = str(pathlib.Path(__file__).parents[3])

sys.path.insert(0, ROOT)
for name in ("commands", "costs", "hooks", "sources"):
    importlib.import_module(f"scripts.documentation.{name}")
sys.path.remove(ROOT)
