"""Figures of a pair and of what surrounds it: momentum, trend, beta, lead and lag, macro series."""
