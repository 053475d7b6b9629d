"""Django's SQLite backend with one fair lock between processes in front of every write."""
