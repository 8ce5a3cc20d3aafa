"""Text and HTML, made from the frames of a verdict."""
