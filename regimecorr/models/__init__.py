"""Correlation models behind one protocol, and their GARCH margins."""
