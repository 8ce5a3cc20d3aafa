"""The published claims as data, the tests that try them, and the table of verdicts."""
