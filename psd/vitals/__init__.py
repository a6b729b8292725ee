"""What of a process, its store and its queue is read whenever somebody asks for metrics."""
