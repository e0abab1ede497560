"""The Helm chart: rendered by the real helm, its objects looked at, its values refused where they are wrong."""
