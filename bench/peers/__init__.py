"""What psd is measured against: the original's layout, PostgreSQL, and the floor."""
