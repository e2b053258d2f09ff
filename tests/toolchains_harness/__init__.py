"""Clients of other languages as processes that answer questions: how they are installed, started and asked."""
