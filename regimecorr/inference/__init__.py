"""Claims about charts, tested."""
