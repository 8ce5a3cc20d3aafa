"""Tests of a constant correlation."""

from regimecorr.inference.constancy.result import ConstancyTest
from regimecorr.inference.constancy.run import test_constancy

__all__ = ["ConstancyTest", "test_constancy"]
