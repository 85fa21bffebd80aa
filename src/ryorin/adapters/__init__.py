"""Vendors behind our ports: a folder per vendor, a file per port."""
