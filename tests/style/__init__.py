"""The rules that no tool has: read the sources and say what is wrong with them."""
