"""One short wiring function per context."""
