"""From models to one number: pool weights, intervals, scores."""
