"""How fast pbtune is: ``python -m benchmarks`` prints every figure beside its goal."""
