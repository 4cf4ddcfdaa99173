"""GPU telemetry of `nvidia-smi --query-gpu`, saved as CSV."""
