"""The context of a pair, kept apart from the probability: made here, from indicators and events."""
