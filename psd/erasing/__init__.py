"""Erasing users: people have a right to it. What goes and what stays: docs/operations.md."""
