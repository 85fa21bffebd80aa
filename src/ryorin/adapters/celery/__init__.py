"""Celery: commands carried to workers by Redis or RabbitMQ."""
