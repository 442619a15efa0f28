"""Who else listens? Third-party loggers, trackers and frameworks, one a file.

They import pbtune.tune as a user's script would.
"""
