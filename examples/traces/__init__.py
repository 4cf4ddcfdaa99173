"""Real request traces as the gateway logs they would have left: what is recorded goes through, the rest is marked."""
