"""Listeners over real sockets, with handlers that do what a test needs of them."""
