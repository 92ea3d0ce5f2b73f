"""What the record looks like to others: ConfigMap, consumer Secret, status."""
