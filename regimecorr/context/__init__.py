"""Context of a pair, kept apart from the probability: momentum, lead and lag, cointegration."""
