"""The query encoder: a graph without weights, and the script that made it."""
