"""Pictures, made from the frames of a verdict. Only this room imports matplotlib at its modules' top."""
