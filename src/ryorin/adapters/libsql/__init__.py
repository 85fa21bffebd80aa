"""libSQL: an embedded file, or Turso and sqld by URL."""
