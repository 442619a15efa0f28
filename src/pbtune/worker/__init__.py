"""What runs beside the user's code: ``report()``, the function and its restarts, the pipe."""
