"""`mlpipeline doctor`: what usually goes wrong, looked at without changing anything."""
