"""Commands of manage.py about users and tokens."""
