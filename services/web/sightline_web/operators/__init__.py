"""How the services are doing, for whoever runs them."""
