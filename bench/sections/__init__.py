"""The measures, one module a question; bench/run.py names them by letter."""
