"""What the performance claims are made with. Runs the product on made rows; nothing of the product imports it."""
