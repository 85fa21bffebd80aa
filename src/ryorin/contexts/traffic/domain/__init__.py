"""The rules of objectives: budgets, burn rates and drift."""
