"""Other systems that are measured beside ours, each in a virtual environment of its own."""
