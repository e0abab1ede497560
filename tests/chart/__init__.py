"""The Helm chart, rendered by helm: its objects, its permissions, and the rejection of wrong values."""
