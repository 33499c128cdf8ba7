"""Published collections and plain folders as label tables; splits by patient."""
