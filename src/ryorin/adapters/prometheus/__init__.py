"""Figures for Prometheus, command side and query side apart."""
