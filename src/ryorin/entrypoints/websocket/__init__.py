"""WebSockets: answers as they are made (/ws/stream), and what becomes of commands (/ws/events)."""
