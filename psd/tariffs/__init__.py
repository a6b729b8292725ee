"""Price plans and what energy costs by them. Pure; for every domain that bills energy."""
