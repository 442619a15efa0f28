"""The methods, one a file, named as the literature names them."""
