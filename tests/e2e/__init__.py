"""The whole way on a real cluster, under the chart's own permissions; one file per kind of situation."""
