"""Pictures, made from the frames of a verdict. Only this room draws."""
