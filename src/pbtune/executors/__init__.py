"""Who starts processes? One kind of executor a file."""
