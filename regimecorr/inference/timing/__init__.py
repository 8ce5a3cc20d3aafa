"""What hours between closes do to a correlation: frequencies, corrections, leads, adjustment."""
