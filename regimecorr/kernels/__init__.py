"""Compiled kernels: arrays in, arrays out.

Kernels never validate and never warn; the rooms above them do. Every kernel has its pure-Python
twin as ``kernel.py_func``, and ``NUMBA_DISABLE_JIT=1`` in the environment switches compilation
off.
"""
