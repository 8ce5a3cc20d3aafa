"""Past divergences of a pair."""
