"""Where the weights are: whole or absent, under names that are never given twice.

checkpoint.py   what a user holds        store.py   the commit protocol, on a local disk
copying.py      copies of directories
"""
