"""Another Ryorin, asked over HTTP."""
