"""The CQRS spine: messages, events, buses, projections. Standard library only."""
