"""The door: whatever file a laboratory, a clinic or a phone produces, read right or refused."""
