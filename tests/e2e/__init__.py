"""End-to-end tests on a cluster, with the permissions of the chart; each file is named after what happens in it."""
