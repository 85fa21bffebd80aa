"""Parts of speech, by taggers that bring their dictionaries."""
