"""How fast pbtune is: ``python -m benchmarks.run`` prints every figure beside its goal."""
